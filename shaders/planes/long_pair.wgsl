// The code plane, read as two words of 64 bits a unit. A processor gathers such words for eight lanes nearly
// as fast as words of 32 bits: Q4_0's gemv on lavapipe 26.2 gains 13 to 26 % (2026-11-21).

@group(0) @binding(0) var<storage, read> code_plane: array<vec2<u64>>;

fn code_at(row: Row, i: u32) -> CodeUnit {
    let q = code_plane[row.codes + i * INTERLEAVE];
    return CodeUnit(u32(q.x), u32(q.x >> 32u), u32(q.y), u32(q.y >> 32u));
}

// Some bits of a unit: a read whose only purpose is to be early.
fn touch(row: Row, i: u32) -> u32 {
    return u32(code_plane[row.codes + i * INTERLEAVE].x);
}

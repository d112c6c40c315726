// The code plane, read as one word of 64 bits a unit: see long_pair.wgsl.

@group(0) @binding(0) var<storage, read> code_plane: array<u64>;

fn code_at(row: Row, i: u32) -> CodeUnit {
    let q = code_plane[row.codes + i * INTERLEAVE];
    return CodeUnit(u32(q), u32(q >> 32u));
}

// Some bits of a unit: a read whose only purpose is to be early.
fn touch(row: Row, i: u32) -> u32 {
    return u32(code_plane[row.codes + i * INTERLEAVE]);
}

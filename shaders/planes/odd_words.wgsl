// The code plane of an odd number of words a part, UNITS of them: all but the last lie in pairs of one row.

@group(0) @binding(0) var<storage, read> code_plane: array<u32>;

// Two words of a part.
fn two_at(row: Row, part: u32, i: u32) -> vec2<u32> {
    let at = row.codes + row.codes % INTERLEAVE + (part * UNITS + 2u * i) * INTERLEAVE;
    return vec2<u32>(code_plane[at], code_plane[at + 1u]);
}

// The word that is left.
fn last_at(row: Row, part: u32) -> u32 {
    return code_plane[row.codes + (part * UNITS + UNITS - 1u) * INTERLEAVE];
}

// Some bits of the first unit of a part: a read whose only purpose is to be early.
fn touch(row: Row, i: u32) -> u32 {
    return code_plane[row.codes + row.codes % INTERLEAVE + i * INTERLEAVE];
}

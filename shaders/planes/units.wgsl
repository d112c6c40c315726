// The code plane, read in units of two or four words.

@group(0) @binding(0) var<storage, read> code_plane: array<CodeUnit>;

fn code_at(row: Row, i: u32) -> CodeUnit {
    return code_plane[row.codes + i * INTERLEAVE];
}

// Some bits of a unit: a read whose only purpose is to be early.
fn touch(row: Row, i: u32) -> u32 {
    return code_at(row, i).x;
}

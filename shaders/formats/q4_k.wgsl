// Q4_K. Codes: 4 words a part, nibbles. Scales and affine: scales/k_pairs.wgsl.

fn codes(row: u32, part: u32) -> Codes {
    return stored_codes(row, part);
}

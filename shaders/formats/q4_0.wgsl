// Q4_0. Codes: 4 words a part, nibbles 8 above the code. Scales: d (f16) for each 32.

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

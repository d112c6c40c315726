// TQ2_0. Codes: 2 words a part, bit pairs 1 above the code. Scales: d (f16) for each 256.

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

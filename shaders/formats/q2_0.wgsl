// Q2_0. Codes: 2 words a part, bit pairs 1 above the code. Scales: d (f16) for each 64.

fn codes(row: u32, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    return Codes(subtract(stored.low, 1u), subtract(stored.high, 1u));
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

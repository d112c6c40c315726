// Q4_0. Codes: 4 words a part, nibbles 8 above the code. Scales: d (f16) for each 32.

fn codes(row: u32, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    return Codes(subtract(stored.low, 8u), subtract(stored.high, 8u));
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

// Q1_0. Codes: a word a part, one bit a weight, set for 1, clear for -1. Scales: d (f16) for each 128.

fn codes(row: u32, part: u32) -> Codes {
    return signs(stored_codes(row, part));
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

// Q8_0. Codes: 8 words a part, i8. Scales: 0: d (f16) for each 32.

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

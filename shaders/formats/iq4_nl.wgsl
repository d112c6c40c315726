// IQ4_NL. Codes: 4 words a part, nibbles that index the table of levels. Scales: d (f16) for each 32.

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

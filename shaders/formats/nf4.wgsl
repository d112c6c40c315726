// NF4. Codes: 4 words a part, nibbles that index the table of levels. Scales: absmax (f32) a group.

fn codes(row: u32, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(bitcast<f32>(scale_at(row, group)), 0.0);
}

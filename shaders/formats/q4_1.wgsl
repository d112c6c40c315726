// Q4_1. Codes: 4 words a part, nibbles. Scales: a word for each 32, 0: d (f16), 16: m (f16).

fn codes(row: u32, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: u32, group: u32) -> Affine {
    let fields = unpack2x16float(scale_at(row, group));
    return Affine(fields.x, fields.y);
}

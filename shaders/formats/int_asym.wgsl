// Asymmetric integers. Codes: 32 fields of 2, 4 or 8 bits a part; those of 8 bits, and their zero
// points, are held CODE_OFFSET = 128 lower than stored on the host, to fit signed bytes.
// Scales: a word for each group, 0: scale (f16), 16: zero point (f16).

fn codes(row: u32, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: u32, group: u32) -> Affine {
    let fields = unpack2x16float(scale_at(row, group));
    return Affine(fields.x, fields.y - f32(CODE_OFFSET));
}

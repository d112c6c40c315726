// Q4_1. Codes: 4 words a part, nibbles. Scales: a word for each 32, 0: d (f16), 16: m (f16).

fn affine(row: Row, group: u32) -> Affine {
    let fields = unpack2x16float(scale_at(row, group));
    return Affine(fields.x, fields.y);
}

// IQ4_XS. Codes: 4 words a part, nibbles that index the table of levels. Scales: 2 words for each
// 256, x: d (f16), then the high bit pairs of eight scales; y: their low nibbles.

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, group / 8u);
    let g = group % 8u;
    let low = (fields.y >> (4u * g)) & 15u;
    let high = (fields.x >> (16u + 2u * g)) & 3u;
    let scale = i32(low | (high << 4u)) - 32;
    return Affine(unpack2x16float(fields.x).x * f32(scale), 0.0);
}

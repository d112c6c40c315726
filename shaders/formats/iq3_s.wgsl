// IQ3_S. Codes: 3 words a part, 0 and 1: low bytes of eight indices of points, 2: signs,
// bit 8b + 4 · (j % 2) + j / 2 for weight 4j + b.
// Scales: 4 words for each 256, x and y: high bits of the indices, a byte a part; z: 4-bit scales; w: d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let fields = scale_at(row, part / 8u);
    let high = select(fields.x, fields.y, part % 8u >= 4u) >> (8u * (part % 4u));
    return quads(two_at(row, part, 0u), high, last_at(row, part));
}

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, group / 8u);
    let scale = (fields.z >> (4u * (group % 8u))) & 15u;
    return Affine(unpack2x16float(fields.w).x * f32(1u + 2u * scale), 0.0);
}

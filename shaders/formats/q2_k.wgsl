// Q2_K. Codes: 2 words a part. Scales: 5 words for each 256, 0 to 3: 16 bytes, each a scale (low
// nibble) and a minimum; 4: d (f16), dmin (f16).

fn affine(row: Row, group: u32) -> Affine {
    let unit = 5u * (group / 16u);
    let fields = scale_at(row, unit + (group % 16u) / 4u) >> (8u * (group % 4u));
    let d = unpack2x16float(scale_at(row, unit + 4u));
    return Affine(d.x * f32(fields & 15u), -(d.y * f32((fields >> 4u) & 15u)));
}

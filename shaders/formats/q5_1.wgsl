// Q5_1. Codes: 4 words a part, low nibbles. Scales: two words for each 32,
// x: d (f16), m (f16); y: the high bits, bit j of weight j.

fn codes(row: Row, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    let bits = vec4<u32>(scale_at(row, part).y);
    let low = fifth(bits >> vec4<u32>(0u, 4u, 8u, 12u));
    let high = fifth(bits >> vec4<u32>(16u, 20u, 24u, 28u));
    return Codes(stored.low | low, stored.high | high);
}

fn affine(row: Row, group: u32) -> Affine {
    let fields = unpack2x16float(scale_at(row, group).x);
    return Affine(fields.x, fields.y);
}

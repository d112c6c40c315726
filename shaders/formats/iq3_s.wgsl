// IQ3_S. Codes: 3 words a part, 0 and 1: low bytes of eight indices of points, 2: signs, bit 8b + j for weight
// 4j + b.
// Scales: 4 words for each 256, x and y: high bits of the indices, a byte a part; z: 4-bit scales; w: d (f16).

fn quad(low: u32, high: u32, signs: u32, j: u32) -> u32 {
    let index = ((low >> (8u * (j % 4u))) & 0xffu) | ((high << (8u - j)) & 0x100u);
    return signed_point(index, signs, j);
}

fn codes(row: Row, part: u32) -> Codes {
    let fields = scale_at(row, part / 8u);
    let high = select(fields.x, fields.y, part % 8u >= 4u) >> (8u * (part % 4u));
    let low = two_at(row, part, 0u);
    let signs = last_at(row, part);
    return Codes(
        vec4<u32>(
            quad(low.x, high, signs, 0u),
            quad(low.x, high, signs, 1u),
            quad(low.x, high, signs, 2u),
            quad(low.x, high, signs, 3u),
        ),
        vec4<u32>(
            quad(low.y, high, signs, 4u),
            quad(low.y, high, signs, 5u),
            quad(low.y, high, signs, 6u),
            quad(low.y, high, signs, 7u),
        ),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, group / 8u);
    let scale = (fields.z >> (4u * (group % 8u))) & 15u;
    return Affine(unpack2x16float(fields.w).x * f32(1u + 2u * scale), 0.0);
}

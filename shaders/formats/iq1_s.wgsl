// IQ1_S. Codes: a word a part, low bytes of four indices of points. Scales: 9 halves for each 256,
// 0 to 7: of each part, four times three high bits, a 3-bit scale, down or up; 8: d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let low = code_at(row, part);
    let high = scale_at(row, 9u * (part / 8u) + part % 8u);
    let down = (high >> 15u) == 1u;
    return octets(
        octet((low & 0xffu) | ((high & 7u) << 8u), down),
        octet(((low >> 8u) & 0xffu) | ((high & 56u) << 5u), down),
        octet(((low >> 16u) & 0xffu) | ((high & 448u) << 2u), down),
        octet((low >> 24u) | ((high & 3584u) >> 1u), down),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 9u * (group / 8u);
    let scale = (scale_at(row, unit + group % 8u) >> 12u) & 7u;
    return Affine(scale_half(row, unit + 8u) * f32(2u * scale + 1u) * 0.125, 0.0);
}

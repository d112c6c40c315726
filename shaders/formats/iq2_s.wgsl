// IQ2_S. Codes: 2 words a part, x: low bytes of four indices of points, y: four bytes of signs.
// Scales: 9 halves for each 256, 0 to 7: of each part, the high bits of its indices, then two 4-bit
// scales; 8: d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    let high = scale_at(row, 9u * (part / 8u) + part % 8u);
    return octets(
        iq2_octet((q.x & 0xffu) | ((high & 3u) << 8u), q.y & 0xffu),
        iq2_octet(((q.x >> 8u) & 0xffu) | ((high & 12u) << 6u), (q.y >> 8u) & 0xffu),
        iq2_octet(((q.x >> 16u) & 0xffu) | ((high & 48u) << 4u), (q.y >> 16u) & 0xffu),
        iq2_octet((q.x >> 24u) | ((high & 192u) << 2u), q.y >> 24u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 9u * (group / 16u);
    let fields = scale_at(row, unit + (group % 16u) / 2u);
    let scale = (fields >> (8u + 4u * (group % 2u))) & 15u;
    return Affine(scale_half(row, unit + 8u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

// IQ2_S. Codes: 2 words a part, x: low bytes of four indices of points, y: signs, bit 8b + 4 · (j % 2) + j / 2 for
// weight 4j + b.
// Scales: 9 halves for each 256, 0 to 7: of each part, the high bits of its indices, then two 4-bit
// scales; 8: d (f16).

// The index of the point of octet `o` of a part.
fn index_of(low: u32, high: u32, o: u32) -> u32 {
    return ((low >> (8u * o)) & 0xffu) | ((high << (8u - 2u * o)) & 0x300u);
}

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    let high = scale_at(row, 9u * (part / 8u) + part % 8u);
    return octets(
        octet(index_of(q.x, high, 0u), q.y, 0u),
        octet(index_of(q.x, high, 1u), q.y, 1u),
        octet(index_of(q.x, high, 2u), q.y, 2u),
        octet(index_of(q.x, high, 3u), q.y, 3u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 9u * (group / 16u);
    let fields = scale_at(row, unit + (group % 16u) / 2u);
    let scale = (fields >> (8u + 4u * (group % 2u))) & 15u;
    return Affine(scale_half(row, unit + 8u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

// IQ2_XXS. Codes: 2 words a part, x: four indices of points, y: four times seven signs, then a
// 4-bit scale. Scales: d (f16) for each 256.

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    return octets(
        iq2_octet(q.x & 0xffu, even_signs(q.y & 127u)),
        iq2_octet((q.x >> 8u) & 0xffu, even_signs((q.y >> 7u) & 127u)),
        iq2_octet((q.x >> 16u) & 0xffu, even_signs((q.y >> 14u) & 127u)),
        iq2_octet(q.x >> 24u, even_signs((q.y >> 21u) & 127u)),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let scale = code_at(row, group).y >> 28u;
    return Affine(scale_half(row, group / 8u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

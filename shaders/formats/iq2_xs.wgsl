// IQ2_XS. Codes: 2 words a part, 16 bits for each eight weights: index of a point (9), seven signs.
// Scales: 5 halves for each 256, 0 to 3: 4-bit scales, 4: d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    return octets(
        iq2_octet(q.x & 511u, even_signs((q.x >> 9u) & 127u)),
        iq2_octet((q.x >> 16u) & 511u, even_signs(q.x >> 25u)),
        iq2_octet(q.y & 511u, even_signs((q.y >> 9u) & 127u)),
        iq2_octet((q.y >> 16u) & 511u, even_signs(q.y >> 25u)),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 5u * (group / 16u);
    let scale = (scale_at(row, unit + (group % 16u) / 4u) >> (4u * (group % 4u))) & 15u;
    return Affine(scale_half(row, unit + 4u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

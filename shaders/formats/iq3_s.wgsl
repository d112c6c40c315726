// IQ3_S. Codes: 3 words a part, 0 and 1: low bytes of eight indices of points, 2: 32 signs.
// Scales: 7 halves for each 256, 0 to 3: high bits of the indices, a byte a part, 4 and 5: 4-bit
// scales, 6: d (f16).

fn quads(low: u32, high: u32, signs: u32) -> vec4<u32> {
    return vec4<u32>(
        iq3_s_quad((low & 0xffu) | ((high & 1u) << 8u), signs),
        iq3_s_quad(((low >> 8u) & 0xffu) | ((high & 2u) << 7u), signs >> 4u),
        iq3_s_quad(((low >> 16u) & 0xffu) | ((high & 4u) << 6u), signs >> 8u),
        iq3_s_quad((low >> 24u) | ((high & 8u) << 5u), signs >> 12u),
    );
}

fn codes(row: Row, part: u32) -> Codes {
    let high = scale_at(row, 7u * (part / 8u) + (part % 8u) / 2u) >> (8u * (part % 2u));
    let signs = code_at(row, 3u * part + 2u);
    return Codes(
        quads(code_at(row, 3u * part), high, signs),
        quads(code_at(row, 3u * part + 1u), high >> 4u, signs >> 16u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 7u * (group / 8u);
    let scale = (scale_at(row, unit + 4u + (group % 8u) / 4u) >> (4u * (group % 4u))) & 15u;
    return Affine(scale_half(row, unit + 6u) * f32(1u + 2u * scale), 0.0);
}

// IQ3_XXS. Codes: 3 words a part, 0 and 1: eight indices of points, 2: four times seven signs, then a
// 4-bit scale. Scales: d (f16) for each 256.

fn quads(indices: u32, signs: u32) -> vec4<u32> {
    let first = even_signs(signs & 127u);
    let second = even_signs((signs >> 7u) & 127u);
    return vec4<u32>(
        iq3_xxs_quad(indices & 0xffu, first),
        iq3_xxs_quad((indices >> 8u) & 0xffu, first >> 4u),
        iq3_xxs_quad((indices >> 16u) & 0xffu, second),
        iq3_xxs_quad(indices >> 24u, second >> 4u),
    );
}

fn codes(row: Row, part: u32) -> Codes {
    let signs = code_at(row, 3u * part + 2u);
    return Codes(
        quads(code_at(row, 3u * part), signs),
        quads(code_at(row, 3u * part + 1u), signs >> 14u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let scale = code_at(row, 3u * group + 2u) >> 28u;
    return Affine(scale_half(row, group / 8u) * (0.5 + f32(scale)) * 0.5, 0.0);
}

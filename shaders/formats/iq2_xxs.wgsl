// IQ2_XXS. Codes: 2 words a part, x: four indices of points, y: signs (codes/signs28.wgsl), then a 4-bit scale.
// Scales: d (f16) for each 256.

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    let signs = all_signs(q.y);
    return octets(
        octet(q.x & 0xffu, signs, 0u),
        octet((q.x >> 8u) & 0xffu, signs, 1u),
        octet((q.x >> 16u) & 0xffu, signs, 2u),
        octet(q.x >> 24u, signs, 3u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let scale = code_at(row, group).y >> 28u;
    return Affine(scale_half(row, group / 8u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

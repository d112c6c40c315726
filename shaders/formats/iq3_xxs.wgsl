// IQ3_XXS. Codes: 3 words a part, 0 and 1: eight indices of points, 2: signs (codes/signs28.wgsl), then a 4-bit scale.
// Scales: d (f16) for each 256.

fn codes(row: Row, part: u32) -> Codes {
    return quads(two_at(row, part, 0u), 0u, all_signs(last_at(row, part)));
}

fn affine(row: Row, group: u32) -> Affine {
    let scale = last_at(row, group) >> 28u;
    return Affine(scale_half(row, group / 8u) * (0.5 + f32(scale)) * 0.5, 0.0);
}

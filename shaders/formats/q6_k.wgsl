// Q6_K. Codes: 6 words a part, 32 above the code. Scales: 9 halves for each 256, 0 to 7: 16 scales (i8), 8: d (f16).

fn affine(row: Row, group: u32) -> Affine {
    let unit = 9u * (group / 16u);
    let pair = scale_at(row, unit + (group % 16u) / 2u);
    let scale = extractBits(i32(pair), 8u * (group % 2u), 8u);
    return Affine(scale_half(row, unit + 8u) * f32(scale), 0.0);
}

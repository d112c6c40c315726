// Q6_K. Codes: 12 words for each 64 weights: low nibbles of the first 32, of the second 32 (both
// as in bits4), then the high bit pairs of both (as in bits2). Scales: 9 halves for each 256,
// 0 to 7: 16 scales (i8), 8: d (f16).

fn codes(row: u32, part: u32) -> Codes {
    let unit = 3u * (part / 2u);
    let nibbles = unpack4(code_at(row, unit + part % 2u));
    let pairs = code_at(row, unit + 2u);
    let high = unpack2(select(pairs.xy, pairs.zw, part % 2u == 1u));
    return lowered(join(nibbles, high, 4u), 32u);
}

fn affine(row: u32, group: u32) -> Affine {
    let unit = 9u * (group / 16u);
    let pair = scale_bits(row, unit + (group % 16u) / 2u);
    let scale = extractBits(i32(pair), 8u * (group % 2u), 8u);
    return Affine(scale_half(row, unit + 8u) * f32(scale), 0.0);
}

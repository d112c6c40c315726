// Q5_0. Codes: 4 words a part, low nibbles. Scales: three halves for each 32, 0: d (f16),
// 1 and 2: the high bits of weights 0 to 15 and 16 to 31.

fn codes(row: Row, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    let shifts = vec4<u32>(0u, 4u, 8u, 12u);
    let low = fifth(vec4<u32>(scale_at(row, 3u * part + 1u)) >> shifts);
    let high = fifth(vec4<u32>(scale_at(row, 3u * part + 2u)) >> shifts);
    return Codes(subtract(stored.low | low, 16u), subtract(stored.high | high, 16u));
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, 3u * group), 0.0);
}

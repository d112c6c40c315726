// Q5_K. Codes: 20 words for each 128 weights: 4 words of low nibbles a part (as in bits4), then a
// word of high bits for each of the four parts (as in bits1). Scales and affine: scales/k_pairs.wgsl.

fn codes(row: u32, part: u32) -> Codes {
    let unit = 5u * (part / 4u);
    let nibbles = code_at(row, unit + part % 4u);
    let bits = vec4<u32>(code_at(row, unit + 4u)[part % 4u]);
    let mask = vec4<u32>(0x0f0f0f0fu);
    let one = vec4<u32>(0x01010101u);
    let low = (bits >> vec4<u32>(0u, 1u, 2u, 3u)) & one;
    let high = (bits >> vec4<u32>(4u, 5u, 6u, 7u)) & one;
    return Codes(
        (nibbles & mask) | (low << vec4<u32>(4u)),
        ((nibbles >> vec4<u32>(4u)) & mask) | (high << vec4<u32>(4u)),
    );
}

// Q3_K. Codes: 3 words a part, 0 and 1: low bit pairs (as in bits2), 2: high bits (as in bits1).
// Scales: 7 halves for each 256, 0 to 5: the 12 bytes of 6-bit scales as GGUF has them, 6: d (f16).

fn codes(row: u32, part: u32) -> Codes {
    let unit = 3u * part;
    let pairs = vec2<u32>(code_at(row, unit), code_at(row, unit + 1u)).xyxy;
    let bits = vec4<u32>(code_at(row, unit + 2u));
    let two = vec4<u32>(0x03030303u);
    let one = vec4<u32>(0x01010101u);
    let low = (pairs >> vec4<u32>(0u, 0u, 2u, 2u)) & two;
    let high = (pairs >> vec4<u32>(4u, 4u, 6u, 6u)) & two;
    let low_bit = (bits >> vec4<u32>(0u, 1u, 2u, 3u)) & one;
    let high_bit = (bits >> vec4<u32>(4u, 5u, 6u, 7u)) & one;
    return Codes(
        subtract(low | (low_bit << vec4<u32>(2u)), 4u),
        subtract(high | (high_bit << vec4<u32>(2u)), 4u),
    );
}

fn affine(row: u32, group: u32) -> Affine {
    let unit = 7u * (group / 16u);
    let g = group % 16u;
    // A nibble of bytes 0 to 7, a bit pair of bytes 8 to 11.
    let low = scale_bits(row, unit + (g % 8u) / 2u) >> (8u * (g % 2u) + 4u * (g / 8u));
    let high = scale_bits(row, unit + 4u + (g % 4u) / 2u) >> (8u * (g % 2u) + 2u * (g / 4u));
    let scale = i32((low & 15u) | ((high & 3u) << 4u)) - 32;
    return Affine(scale_half(row, unit + 6u) * f32(scale), 0.0);
}

// Q3_K. Codes: 3 words a part, 4 above the code. Scales: 7 halves for each 256, 0 to 5: the 12 bytes
// of 6-bit scales as GGUF has them, 6: d (f16).

fn affine(row: Row, group: u32) -> Affine {
    let unit = 7u * (group / 16u);
    let g = group % 16u;
    // A nibble of bytes 0 to 7, a bit pair of bytes 8 to 11.
    let low = scale_at(row, unit + (g % 8u) / 2u) >> (8u * (g % 2u) + 4u * (g / 8u));
    let high = scale_at(row, unit + 4u + (g % 4u) / 2u) >> (8u * (g % 2u) + 2u * (g / 4u));
    let scale = i32((low & 15u) | ((high & 3u) << 4u)) - 32;
    return Affine(scale_half(row, unit + 6u) * f32(scale), 0.0);
}

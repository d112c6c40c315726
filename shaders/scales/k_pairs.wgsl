// The scales of Q4_K and Q5_K: 4 words for each 256, x: d (f16), dmin (f16); y, z, w: the 12 bytes
// of 6-bit scales and minima as GGUF has them.

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, group / 8u);
    // Groups 0 to 3: six bits of y and z. Groups 4 to 7: a nibble of w, and above it the top two bits of y and z.
    // Without a branch, which makes a product of m = 1 1.3 times as fast on lavapipe 26.2 (2026-11-26).
    let late = group % 8u >= 4u;
    let shift = 8u * (group % 4u);
    let high = shift + select(0u, 2u, late);
    let high_bits = select(63u, 48u, late);
    let low_bits = select(0u, 15u, late);
    let scale = ((fields.y >> high) & high_bits) | ((fields.w >> shift) & low_bits);
    let least = ((fields.z >> high) & high_bits) | ((fields.w >> (shift + 4u)) & low_bits);
    let d = unpack2x16float(fields.x);
    return Affine(d.x * f32(scale), -(d.y * f32(least)));
}

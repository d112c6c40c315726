// The scales of Q4_K and Q5_K: 4 words for each 256, x: d (f16), dmin (f16); y, z, w: the 12 bytes
// of 6-bit scales and minima as GGUF has them.

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, group / 8u);
    let shift = 8u * (group % 4u);
    // Groups 0 to 3: six bits of y and z. Groups 4 to 7: a nibble of w, two bits of y and z.
    var scale = (fields.y >> shift) & 63u;
    var least = (fields.z >> shift) & 63u;
    if (group % 8u >= 4u) {
        let w = fields.w >> shift;
        scale = (w & 15u) | (((fields.y >> (shift + 6u)) & 3u) << 4u);
        least = ((w >> 4u) & 15u) | (((fields.z >> (shift + 6u)) & 3u) << 4u);
    }
    let d = unpack2x16float(fields.x);
    return Affine(d.x * f32(scale), -(d.y * f32(least)));
}

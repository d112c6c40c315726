// Weight = scale · (level - offset), where levels are the unsigned fields. The difference is exact for whole zero
// points. Levels may come out of a subtraction of a power of two, which some drivers would otherwise join
// with this one, and lose the low bits.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * (rounded(level) - a.offset);
}

// Products are of differences; the scale comes once, to their sum. Levels and zero points summed apart would
// cancel where weights are small beside their zero point.
fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return rounded(level) - a.offset;
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return a.scale * sum;
}

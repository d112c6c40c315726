// Products are of whole weights. Levels and offsets summed apart would cancel where weights are small beside the
// offset of their group.

fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return weight(level, a);
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return sum;
}

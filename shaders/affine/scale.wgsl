// Weight = scale · level.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * level;
}

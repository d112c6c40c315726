// Weight = scale · level.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * level;
}

// Products are of levels; the scale comes once, to their sum.
fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return level;
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return a.scale * sum;
}

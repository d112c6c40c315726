// Weight = scale · level + offset, product and sum rounded one after the other, since a scale of 24 bits makes
// products that must be.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return rounded(a.scale * level) + a.offset;
}

// Products are of whole weights: see scale_bias.wgsl.
fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return weight(level, a);
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return sum;
}

// Weight = scale · level + offset, product and sum rounded one after the other, since a scale of 24 bits makes
// products that must be.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return rounded(a.scale * level) + a.offset;
}

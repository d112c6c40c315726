// Weight = scale · level + offset. The scale has so few bits that the product is exact, fused or not: the sum is
// rounded once, as decoding does.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return fma(level, vec4<f32>(a.scale), vec4<f32>(a.offset));
}

// Products are of whole weights. Levels and offsets summed apart would cancel where weights are small beside the
// offset of their group.
fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return weight(level, a);
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return sum;
}

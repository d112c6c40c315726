// Weight = scale · level + offset. The scale has so few bits that the product is exact, fused or not: the sum is
// rounded once, as decoding does.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return fma(level, vec4<f32>(a.scale), vec4<f32>(a.offset));
}

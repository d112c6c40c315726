// Weight = scale · (level - offset), where levels are the unsigned fields. The difference is exact for whole zero
// points. Levels may come out of a subtraction of a power of two, which some drivers would otherwise join
// with this one, and lose the low bits.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * (rounded(level) - a.offset);
}

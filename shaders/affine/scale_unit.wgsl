// Weight = scale · (level · LEVEL_UNIT), the latter a power of two that levels are short of: exact, and in a
// product once for a sum instead of for each level.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * (level * LEVEL_UNIT);
}

// Products are of levels; the scale comes once, to their sum.
fn factor(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return level;
}

fn scaled(sum: f32, a: Affine) -> f32 {
    return a.scale * (sum * LEVEL_UNIT);
}

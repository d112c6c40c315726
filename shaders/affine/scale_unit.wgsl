// Weight = scale · (level · LEVEL_POWER), the latter a power of two that levels lack: exact, and in a
// product once for a sum instead of for each level.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * (level * LEVEL_POWER);
}

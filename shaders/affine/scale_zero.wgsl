// Weight = scale · ((level + LEVEL_BASE) - offset). The sum is exact; the difference is for whole
// zero points. Levels may come out of a subtraction of a power of two, which some drivers would otherwise
// join with this one, and lose the low bits.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return a.scale * ((rounded(level) + f32(LEVEL_BASE)) - a.offset);
}

// Σ weight · x from Σ level · x and Σ x. The base is taken from the offset, not added to the levels:
// both are then small for weights around zero, and little is lost in their difference.
fn weighted(level_sum: f32, x_sum: f32, a: Affine) -> f32 {
    return a.scale * (level_sum - (a.offset - f32(LEVEL_BASE)) * x_sum);
}

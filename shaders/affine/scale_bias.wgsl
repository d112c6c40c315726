// Weight = scale · level + offset, product and sum rounded one after the other.

fn weight(level: vec4<f32>, a: Affine) -> vec4<f32> {
    return rounded(a.scale * level) + a.offset;
}

// Σ weight · x from Σ level · x and Σ x.
fn weighted(level_sum: f32, x_sum: f32, a: Affine) -> f32 {
    return a.scale * level_sum + a.offset * x_sum;
}

// Sums of integer levels counted from the middle. Levels are LEVEL_BASE below the fields, which middles are counted in.

// Σ weight · x from Σ level · x and Σ x, both exact.
fn weighted(level_sum: f32, x_sum: f32, a: Centred) -> f32 {
    return fma(a.scale, fma(f32(LEVEL_BASE) - a.middle, x_sum, level_sum), a.rest * x_sum);
}

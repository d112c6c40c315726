// Sums of integer levels where weights have no offset.

// Σ weight · x from Σ level · x and Σ x, both exact.
fn weighted(level_sum: f32, x_sum: f32, a: Centred) -> f32 {
    return a.scale * level_sum;
}

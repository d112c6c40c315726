// Sums of integer levels where weights have no offset.

fn for_integers(a: Affine) -> IntegerAffine {
    return IntegerAffine(a.scale, 0.0, 0.0);
}

// Σ weight · x from Σ level · x and Σ x, both exact.
fn weighted(level_sum: f32, x_sum: f32, a: IntegerAffine) -> f32 {
    return a.scale * level_sum;
}

// Sums of integer levels about the one whose weight is nearest to 0: what is left of the offset is then no larger
// than any weight, and the two sums do not cancel. It is the weight of the middle level.

fn for_integers(a: Affine) -> IntegerAffine {
    // Beyond all levels it need not follow: sums of levels less the middle are to stay exact.
    let middle = clamp(round(-a.offset / select(a.scale, 1.0, a.scale == 0.0)), -512.0, 512.0);
    return IntegerAffine(a.scale, fma(a.scale, middle, a.offset), middle);
}

// Σ weight · x from Σ level · x and Σ x, both exact.
fn weighted(level_sum: f32, x_sum: f32, a: IntegerAffine) -> f32 {
    return fma(a.scale, fma(-a.middle, x_sum, level_sum), a.rest * x_sum);
}

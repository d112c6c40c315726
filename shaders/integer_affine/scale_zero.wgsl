// Sums of integer levels about the one nearest to the zero point, which need not be whole: what is left of it is
// then no larger than any level's distance from it. Integer levels are LEVEL_BASE below the fields.

fn for_integers(a: Affine) -> IntegerAffine {
    // Beyond all levels it need not follow: sums of levels less the middle are to stay exact.
    let middle = clamp(round(a.offset), -512.0, 512.0);
    return IntegerAffine(a.scale, a.offset - middle, middle - f32(LEVEL_BASE));
}

// Σ weight · x from Σ level · x and Σ x, both exact.
fn weighted(level_sum: f32, x_sum: f32, a: IntegerAffine) -> f32 {
    return a.scale * fma(-a.rest, x_sum, fma(-a.middle, x_sum, level_sum));
}

//! The extremes of a group of weights.

/// The weight of largest magnitude, with its sign; the first of several.
pub(crate) fn extreme(weights: &[f32]) -> f32 {
    let larger = |m: f32, &w: &f32| if w.abs() > m.abs() { w } else { m };
    weights.iter().fold(0.0, larger)
}

/// The largest magnitude.
pub(crate) fn max_abs(weights: &[f32]) -> f32 {
    weights.iter().fold(0.0, |m, w| m.max(w.abs()))
}

/// The largest value, at least 0. Never -0, which `f32::max` can return and whose sign would change the bytes.
pub(crate) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |m, &x| if x > m { x } else { m })
}

/// The least and the largest value; the first of several zeros.
pub(crate) fn span(values: &[f32]) -> (f32, f32) {
    let (first, rest) = values.split_first().unwrap_or((&0.0, &[]));
    rest.iter().fold((*first, *first), |(lo, hi), &x| {
        (if x < lo { x } else { lo }, if x > hi { x } else { hi })
    })
}

/// The factor from weights to codes, 1 / scale; 0 for a scale of 0.
pub(crate) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

//! What every encoder asks of a run of weights first.

/// The weight of largest magnitude, sign and all; of several, the first.
pub(crate) fn extreme(weights: &[f32]) -> f32 {
    let larger = |m: f32, &w: &f32| if w.abs() > m.abs() { w } else { m };
    weights.iter().fold(0.0, larger)
}

/// The largest magnitude.
pub(crate) fn max_abs(weights: &[f32]) -> f32 {
    weights.iter().fold(0.0, |m, w| m.max(w.abs()))
}

/// The largest, or 0 where none is over it. Never -0, which `f32::max` may choose and whose sign would
/// show in the bytes.
pub(crate) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |m, &x| if x > m { x } else { m })
}

/// The least and the largest; of zeros, the first.
pub(crate) fn span(values: &[f32]) -> (f32, f32) {
    let (first, rest) = values.split_first().unwrap_or((&0.0, &[]));
    rest.iter().fold((*first, *first), |(lo, hi), &x| {
        (if x < lo { x } else { lo }, if x > hi { x } else { hi })
    })
}

/// What a weight is multiplied by to become a code; 0 under a scale of 0.
pub(crate) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

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

/// What a weight is multiplied by to become a code; 0 under a scale of 0.
pub(crate) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 {
        0.0
    } else {
        1.0 / scale
    }
}

//! The weight of an error from the importance of its column, as in ggml: errors of larger weights count more, and those
//! of weights near zero still count.

/// `factor` times the mean of the squares, summed in order in f32.
pub(crate) fn mean_square(x: &[f32], factor: f32) -> f32 {
    factor * x.iter().fold(0f32, |sum, x| sum + x * x) / x.len() as f32
}

/// Computes `importance · √(spread + x²)` for each of `x`; returns their sum.
pub(crate) fn weigh(x: &[f32], importance: &[f32], spread: f32, weighed: &mut [f32]) -> f32 {
    let mut sum = 0f32;
    for ((w, x), importance) in weighed.iter_mut().zip(x).zip(importance) {
        *w = importance * (spread + x * x).sqrt();
        sum += *w;
    }
    sum
}

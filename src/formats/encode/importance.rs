//! From the importance of a column to the weight of an error, as ggml has it: errors of large
//! weights count for more, those of weights near zero not for nothing.

/// `factor` times the mean of the squares, added up one after the other in f32.
pub(crate) fn mean_square(x: &[f32], factor: f32) -> f32 {
    factor * x.iter().fold(0f32, |sum, x| sum + x * x) / x.len() as f32
}

/// `importance · √(spread + x²)` for each of `x`; their sum.
pub(crate) fn weigh(x: &[f32], importance: &[f32], spread: f32, weighed: &mut [f32]) -> f32 {
    let mut sum = 0f32;
    for ((w, x), importance) in weighed.iter_mut().zip(x).zip(importance) {
        *w = importance * (spread + x * x).sqrt();
        sum += *w;
    }
    sum
}

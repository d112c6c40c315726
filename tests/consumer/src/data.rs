//! Inputs and the reference product.

use lowbit::Matrix;

/// The same numbers in [-1, 1) for the same seed, on every machine (splitmix64).
pub fn floats(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 24 bits fit an f32 exactly.
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Compares a product with sums in f64 over the same decoded weights. Every output may be off by 8 · ε · Σ|x·w| of its
/// own row; returns the largest fraction of that bound reached.
pub fn check(what: &str, matrix: &Matrix, x: &[f32], y: &[f32]) -> Result<f64, String> {
    let (n, k) = (matrix.n(), matrix.k());
    let weights = matrix.dequantize();
    let m = x.len() / k;
    if y.len() != m * n {
        return Err(format!("{what}: {} outputs, expected {}", y.len(), m * n));
    }
    let mut worst = 0f64;
    for (row, x) in x.chunks(k).enumerate() {
        for (column, w) in weights.chunks(k).enumerate() {
            let terms = || x.iter().zip(w).map(|(&x, &w)| x as f64 * w as f64);
            let expected: f64 = terms().sum();
            let bound = 8.0 * f32::EPSILON as f64 * terms().map(f64::abs).sum::<f64>();
            let got = y[row * n + column];
            let error = (got as f64 - expected).abs();
            if !(error <= bound) {
                return Err(format!(
                    "{what}: y[{row}, {column}] is {got}, expected {expected}: \
                     off by {error:e}, allowed {bound:e}"
                ));
            }
            worst = worst.max(error / bound);
        }
    }
    Ok(worst)
}

/// Fails unless the decoded weights are nearer to the original ones than zeros would be.
pub fn resembles(matrix: &Matrix, weights: &[f32]) -> Result<(), String> {
    let square = |v: f32| v as f64 * v as f64;
    let decoded = matrix.dequantize();
    let lost: f64 = decoded.iter().zip(weights).map(|(q, w)| square(q - w)).sum();
    let all: f64 = weights.iter().map(|&w| square(w)).sum();
    if !(lost < all) || decoded.len() != weights.len() {
        return Err(format!(
            "{}: {} decoded weights lost {lost} of {all}, of {} packed",
            matrix.format(),
            decoded.len(),
            weights.len()
        ));
    }
    Ok(())
}

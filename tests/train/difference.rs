//! Derivatives by central differences in f64, and numbers to take them at.

use lowbit::random::SplitMix64;

/// ∂f/∂x at each x. With steps of 1e-5 the third derivative adds about 1e-10, rounding 1e-11.
pub fn gradient(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let at = |i: usize, x_i: f64| {
        let mut moved = x.to_vec();
        moved[i] = x_i;
        f(&moved)
    };
    (0..x.len())
        .map(|i| (at(i, x[i] + h) - at(i, x[i] - h)) / (2.0 * h))
        .collect()
}

/// Each pair agrees within `bound`, relative where numbers exceed 1.
pub fn assert_close(got: &[f32], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs() / expected.abs().max(1.0);
        assert!(error <= bound, "[{i}]: {got} should be {expected}");
    }
}

/// Normal numbers.
pub fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

pub fn doubles(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Leaves out values whose quotient by `step` is within 1e-3 of `kinks`, where a difference straddles two branches.
pub fn away_from(values: Vec<f32>, step: f32, kinks: &[f32]) -> Vec<f32> {
    let near = |v: f32| kinks.iter().any(|k| (v / step - k).abs() < 1e-3);
    let kept: Vec<f32> = values.into_iter().filter(|&v| !near(v)).collect();
    assert!(kept.len() > 100, "only {} values are left", kept.len());
    kept
}

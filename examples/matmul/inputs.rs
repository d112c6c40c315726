//! Inputs that are the same on every machine: normal numbers from a seed, without a dependency.

use lowbit::random::SplitMix64;

/// `count` numbers of mean 0 and variance 1.
pub fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    // In (0, 1], so that its logarithm is finite.
    let mut unit = || ((random.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    let one = |_| {
        let radius = (-2.0 * unit().ln()).sqrt();
        (radius * (std::f64::consts::TAU * unit()).cos()) as f32
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_normal() {
        let numbers = super::normal(1, 100_000);
        let mean = |power: i32| {
            let sum: f64 = numbers.iter().map(|x| (*x as f64).powi(power)).sum();
            sum / numbers.len() as f64
        };
        // Four standard errors of each moment.
        assert!(mean(1).abs() < 0.013, "{}", mean(1));
        assert!((mean(2) - 1.0).abs() < 0.018, "{}", mean(2));
        assert!((mean(4) - 3.0).abs() < 0.124, "{}", mean(4));
    }
}

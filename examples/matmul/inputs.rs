//! Inputs that are the same on every machine: normal numbers from a seed, without a crate.

/// splitmix64: one addition and a finalizer, good enough to feed Box-Muller.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1]: its logarithm is finite.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// `count` numbers of mean 0 and variance 1.
pub fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix(seed);
    let one = |_| {
        let radius = (-2.0 * random.unit().ln()).sqrt();
        (radius * (std::f64::consts::TAU * random.unit()).cos()) as f32
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

//! The choice of the next token.

use crate::model::Fallible;
use lowbit::random::SplitMix64;

/// A token and its logit.
pub type Candidate = (u32, f32);

/// Candidates among which a temperature chooses: the best of the logits.
pub const CANDIDATES: usize = 40;

/// Chooses tokens: the best, or at random by the softmax of logits over a temperature.
pub struct Sampler {
    temperature: f32,
    random: SplitMix64,
}

impl Sampler {
    pub fn new(temperature: f32, seed: u64) -> Sampler {
        Sampler {
            temperature,
            random: SplitMix64::new(seed),
        }
    }

    /// One of the candidates, of which the first is the best.
    pub fn choose(&mut self, candidates: &[Candidate]) -> Fallible<u32> {
        let Some((best, top)) = candidates.first().copied() else {
            return Err("there should be a token to choose, got none".into());
        };
        if !top.is_finite() {
            return Err(format!("logits should be finite, got {top}; --check tells where that began").into());
        }
        if self.temperature == 0.0 {
            return Ok(best);
        }
        let weight = |(_, logit): &Candidate| ((logit - top) / self.temperature).exp();
        let weights: Vec<f32> = candidates.iter().map(weight).collect();
        // From 0 to 1, in steps of 2^-24.
        let uniform = (self.random.bits() >> 40) as f32 / (1u64 << 24) as f32;
        let mut left = uniform * weights.iter().sum::<f32>();
        for ((token, _), weight) in candidates.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return Ok(*token);
            }
        }
        Ok(best)
    }
}

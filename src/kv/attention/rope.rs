//! Rotary position embedding.

use crate::reserve::zeros;
use crate::{Error, Result};
use std::f64::consts::TAU;

/// Rotary position embedding (Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, arXiv
/// 2104.09864): pair p of a query or key is turned by an angle of position · base^(-2p / d), before the scaling. Cosines
/// and sines are computed in f64 once, for every position.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    d: usize,
    interleaved: bool,
    /// Cosine and sine of the angle of each pair, position after position.
    angles: Vec<[f32; 2]>,
}

/// How angles are changed for contexts longer than a model was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    #[default]
    None,
    /// All angles divided by a factor (position interpolation, arXiv 2306.15595).
    Linear {
        /// The factor.
        factor: f32,
    },
    /// Slow pairs divided by the factor, fast ones left alone, those between blended: Llama 3.1's `rope_type: llama3`.
    Llama3 {
        /// What slow angles are divided by.
        factor: f32,
        /// `low_freq_factor`: pairs that turn less often in the original context are slow.
        low: f32,
        /// `high_freq_factor`: pairs that turn more often are fast.
        high: f32,
        /// `original_max_position_embeddings`.
        original: usize,
    },
    /// YaRN (Peng et al., 2023, arXiv 2309.00071): as in Llama 3.1, by a ramp over pairs; cosines and sines are then
    /// multiplied by `attention`.
    Yarn {
        /// What slow angles are divided by.
        factor: f32,
        /// `beta_fast`: turns in the original context from which on a pair is fast; 32 in the paper.
        fast: f32,
        /// `beta_slow`: turns up to which a pair is slow; 1 in the paper.
        slow: f32,
        /// `original_max_position_embeddings`.
        original: usize,
        /// What cosines and sines are multiplied by: 0.1 ln(factor) + 1 in the paper.
        attention: f32,
    },
}

impl Rope {
    /// Angles for `d` numbers of each vector (those behind them are not turned), at positions 0 to `positions` - 1.
    /// `interleaved` says what a pair is: numbers 2p and 2p + 1 (GGUF's Llama), or p and p + d / 2 (Hugging Face, and
    /// GGUF's "neox").
    ///
    /// # Errors
    /// [`Error::Argument`] where d is odd or 0, there are no positions, or a number of the base or scaling is not
    /// positive; or this machine lacks the memory.
    pub fn new(d: usize, base: f32, scaling: RopeScaling, interleaved: bool, positions: usize) -> Result<Rope> {
        if d == 0 || !d.is_multiple_of(2) {
            return Err(Error::argument("numbers turned by their position", "even and not 0", d));
        }
        for value in [base].into_iter().chain(scaling.numbers()) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(
                    "a number of rotary embedding",
                    "positive and finite",
                    value,
                ));
            }
        }
        let frequencies: Vec<f64> = (0..d / 2)
            .map(|pair| scaling.frequency(pair, d, f64::from(base)))
            .collect();
        Rope::of(d, &frequencies, scaling.attention(), interleaved, positions)
    }

    /// The same where a file says what the angle of each of d / 2 pairs is divided by (`rope_freqs.weight` of GGUF).
    ///
    /// # Errors
    /// [`Error::Argument`] where there are no divisors or positions, or a divisor or the base is not positive.
    pub fn with_divisors(divisors: &[f32], base: f32, interleaved: bool, positions: usize) -> Result<Rope> {
        let d = 2 * divisors.len();
        Rope::new(d, base, RopeScaling::None, interleaved, 1)?;
        if let Some(got) = divisors.iter().find(|v| !(**v > 0.0 && v.is_finite())) {
            return Err(Error::argument("a divisor of angles", "positive and finite", got));
        }
        let plain = |pair| RopeScaling::None.frequency(pair, d, f64::from(base));
        let frequencies = divisors.iter().enumerate();
        let frequencies: Vec<f64> = frequencies.map(|(pair, by)| plain(pair) / f64::from(*by)).collect();
        Rope::of(d, &frequencies, 1.0, interleaved, positions)
    }

    fn of(d: usize, frequencies: &[f64], factor: f64, interleaved: bool, positions: usize) -> Result<Rope> {
        if positions == 0 {
            return Err(Error::argument("positions", "at least 1", positions));
        }
        let angle = |position: usize, frequency: f64| {
            let (sin, cos) = (position as f64 * frequency % TAU).sin_cos();
            [(cos * factor) as f32, (sin * factor) as f32]
        };
        let pairs = frequencies.len();
        let count = (positions as u64).saturating_mul(pairs as u64);
        let mut angles = zeros("angles", count, isize::MAX as u64 / 8)?;
        for (position, row) in angles.chunks_exact_mut(pairs).enumerate() {
            for (turn, frequency) in row.iter_mut().zip(frequencies) {
                *turn = angle(position, *frequency);
            }
        }
        Ok(Rope { d, interleaved, angles })
    }

    /// Numbers of a vector that are turned.
    pub fn d(&self) -> usize {
        self.d
    }

    /// Whether pairs are neighbours.
    pub fn interleaved(&self) -> bool {
        self.interleaved
    }

    /// Positions that it has angles for.
    pub fn positions(&self) -> usize {
        self.angles.len() * 2 / self.d
    }

    /// Cosine and sine of each pair, position after position.
    pub fn angles(&self) -> &[[f32; 2]] {
        &self.angles
    }

    /// Turns vectors of `size` numbers, as many for each position as there are heads.
    ///
    /// # Errors
    /// [`Error::Length`] where x is not as many whole rows as there are positions, or a vector is shorter than `d`;
    /// [`Error::Argument`] for a position past the last.
    pub fn apply(&self, x: &mut [f32], size: usize, positions: &[usize]) -> Result<()> {
        let row = x.len() / positions.len().max(1);
        if size < self.d || row * positions.len() != x.len() || !row.is_multiple_of(size) {
            return Err(Error::Length {
                what: "vectors to be turned",
                shape: format!("[{}, heads, at least {}]", positions.len(), self.d),
                unit: "floats",
                expected: positions.len() * row.next_multiple_of(size.max(1)),
                got: x.len(),
            });
        }
        if let Some(past) = positions.iter().find(|p| **p >= self.positions()) {
            return Err(Error::Argument {
                what: "a position",
                allowed: format!("under {}", self.positions()),
                got: past.to_string(),
            });
        }
        let pairs = self.d / 2;
        for (row, position) in x.chunks_exact_mut(row.max(1)).zip(positions) {
            let angles = &self.angles[position * pairs..][..pairs];
            for vector in row.chunks_exact_mut(size) {
                for (pair, [cos, sin]) in angles.iter().enumerate() {
                    let (i, j) = match self.interleaved {
                        true => (2 * pair, 2 * pair + 1),
                        false => (pair, pair + pairs),
                    };
                    let (a, b) = (vector[i], vector[j]);
                    vector[i] = a * cos - b * sin;
                    vector[j] = a * sin + b * cos;
                }
            }
        }
        Ok(())
    }
}

impl RopeScaling {
    fn numbers(self) -> Vec<f32> {
        match self {
            RopeScaling::None => vec![],
            RopeScaling::Linear { factor } => vec![factor],
            RopeScaling::Llama3 {
                factor,
                low,
                high,
                original,
            } => vec![factor, low, high, high - low, original as f32],
            RopeScaling::Yarn {
                factor,
                fast,
                slow,
                original,
                attention,
            } => vec![factor, fast, slow, original as f32, attention],
        }
    }

    fn attention(self) -> f64 {
        match self {
            RopeScaling::Yarn { attention, .. } => attention.into(),
            _ => 1.0,
        }
    }

    /// Radians a position of a pair.
    fn frequency(self, pair: usize, d: usize, base: f64) -> f64 {
        let plain = base.powf(-2.0 * pair as f64 / d as f64);
        match self {
            RopeScaling::None => plain,
            RopeScaling::Linear { factor } => plain / f64::from(factor),
            RopeScaling::Llama3 {
                factor,
                low,
                high,
                original,
            } => {
                let [factor, low, high] = [factor, low, high].map(f64::from);
                let turns = original as f64 * plain / TAU;
                let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - fast) * plain / factor + fast * plain
            }
            RopeScaling::Yarn {
                factor,
                fast,
                slow,
                original,
                ..
            } => {
                // The pair that turns so often in the original context.
                let pair_of =
                    |turns: f32| d as f64 * (original as f64 / (f64::from(turns) * TAU)).ln() / (2.0 * base.ln());
                let first = pair_of(fast).floor().max(0.0);
                let last = pair_of(slow).ceil().min(d as f64 - 1.0);
                let ramp = ((pair as f64 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
                ramp * plain / f64::from(factor) + (1.0 - ramp) * plain
            }
        }
    }
}

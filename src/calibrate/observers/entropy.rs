//! The range whose quantized distribution has the least Kullback-Leibler divergence from the true one (Migacz, "8-bit
//! Inference with TensorRT", GTC 2017), and ONNX Runtime's `EntropyCalibrater`.
//!
//! For each candidate, P is the histogram inside it, with the clipped values added to its last bin (its first and last
//! bin where both signs are counted). Q is the histogram without the clipped values, merged into as many levels as the
//! codes have and spread evenly over the bins of each level where P is not 0. The least Σ P log(P/Q) wins. As in ONNX
//! Runtime, empty bins receive 1e-4 of a value, taken from the others, so that one empty bin does not decide.
//!
//! Bins are divided evenly among the levels, as in pytorch-quantization. (ONNX Runtime gives each level the same whole
//! number of bins and the rest to the last one, where it leaves Q empty; it also spreads Q over empty bins.)

use super::bins::Bins;
use super::{Observer, nothing_seen};
use crate::calibrate::affine::ValueRange;
use crate::{Error, Result};

/// The count that an empty bin receives.
const EPSILON: f64 = 1e-4;

/// The range of least Kullback-Leibler divergence.
#[derive(Clone, Debug)]
pub struct Entropy {
    levels: usize,
    bins: Bins,
}

impl Entropy {
    /// TensorRT's parameters: 2048 bins of magnitudes and 128 levels, for signed 8-bit codes. The range is symmetric,
    /// except that it does not exceed the observed extremes.
    pub fn tensor_rt() -> Entropy {
        Entropy::of_magnitudes(2048, 128)
    }

    /// ONNX Runtime's parameters: 128 bins of both signs and 128 levels, which leave the whole range as the only
    /// candidate.
    pub fn onnx_runtime() -> Entropy {
        Entropy::of_both_signs(128, 128)
    }

    /// `bins` bins of magnitudes (at least 4, rounded up to a multiple of 4), and the `levels` of the codes on one side
    /// of 0, 1 to `bins`.
    pub fn of_magnitudes(bins: usize, levels: usize) -> Entropy {
        Entropy {
            levels,
            bins: Bins::new(bins, true),
        }
    }

    /// `bins` bins around 0, and the `levels` of all codes, 2 to `bins`. Candidate ranges are symmetric.
    pub fn of_both_signs(bins: usize, levels: usize) -> Entropy {
        Entropy {
            levels,
            bins: Bins::new(bins, false),
        }
    }
}

impl Default for Entropy {
    /// TensorRT's parameters.
    fn default() -> Entropy {
        Entropy::tensor_rt()
    }
}

impl Observer for Entropy {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        self.bins.add(batch)
    }

    fn range(&self) -> Result<ValueRange> {
        let seen = self.bins.seen.ok_or_else(nothing_seen)?;
        let count = self.bins.counts.len();
        let least = if self.bins.magnitudes { 1 } else { 2 };
        if !(least..=count).contains(&self.levels) {
            let allowed = format!("{least} to the {count} bins");
            return Err(Error::argument("the number of levels", &allowed, self.levels));
        }
        let candidates: Vec<(usize, usize)> = if self.bins.magnitudes {
            (self.levels..=count).map(|end| (0, end)).collect()
        } else {
            let zero = count / 2;
            let half = (self.levels / 2)..=zero;
            half.map(|i| (zero - i, (zero + i + 1).min(count))).collect()
        };
        let (mut best, mut chosen) = (f64::INFINITY, (0, count));
        for (from, to) in candidates {
            let divergence = divergence(&self.bins.counts, from, to, self.levels);
            // Among equals the widest.
            if divergence <= best {
                (best, chosen) = (divergence, (from, to));
            }
        }
        let hi = self.bins.edge(chosen.1) as f32;
        let lo = if self.bins.magnitudes {
            -hi
        } else {
            self.bins.edge(chosen.0) as f32
        };
        Ok(ValueRange {
            lo: lo.max(seen.lo),
            hi: hi.min(seen.hi),
        })
    }
}

/// Σ P log(P/Q) for the bins `from..to`; infinite where they are all empty.
fn divergence(counts: &[u64], from: usize, to: usize, levels: usize) -> f64 {
    let inside = &counts[from..to];
    let len = inside.len();
    let mut p: Vec<f64> = inside.iter().map(|&c| c as f64).collect();
    p[0] += counts[..from].iter().sum::<u64>() as f64;
    p[len - 1] += counts[to..].iter().sum::<u64>() as f64;
    let mut q = vec![0f64; len];
    for level in 0..levels {
        let bins = level * len / levels..(level + 1) * len / levels;
        let sum: u64 = inside[bins.clone()].iter().sum();
        let filled = p[bins.clone()].iter().filter(|p| **p > 0.0).count();
        for bin in bins.filter(|&bin| p[bin] > 0.0) {
            q[bin] = sum as f64 / filled as f64;
        }
    }
    let (Some(p_total), Some(q_total)) = (smooth(&mut p), smooth(&mut q)) else {
        return f64::INFINITY;
    };
    let terms = p.iter().zip(&q);
    terms
        .map(|(p, q)| p / p_total * ((p / p_total) / (q / q_total)).ln())
        .sum()
}

/// Moves a small count from full bins to empty ones and returns the sum; `None` where no bin is full, or full enough.
fn smooth(bins: &mut [f64]) -> Option<f64> {
    let empty = bins.iter().filter(|b| **b == 0.0).count();
    let full = bins.len() - empty;
    let loss = EPSILON * empty as f64 / full as f64;
    if full == 0 {
        return None;
    }
    for bin in bins.iter_mut() {
        *bin += if *bin == 0.0 { EPSILON } else { -loss };
    }
    if bins.iter().all(|b| *b > 0.0) {
        Some(bins.iter().sum())
    } else {
        None
    }
}

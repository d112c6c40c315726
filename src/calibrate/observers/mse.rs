//! The range of least error Σ|x - Q(x)|^p, by a search over shrinking ranges: the search of GPTQ's
//! `Quantizer.find_params` (Frantar et al., 2022; grid 100, p = 2.4, shrinking by up to 0.8) and of llm-compressor's
//! `mse` observer, which both shrink the least and the largest value by the same factor.
//!
//! Values are kept as a histogram in which each bin is represented by the mean of its values, so that the search sees
//! all batches together. 8192 bins are 16 times finer than 8-bit codes on each side of 0.

use super::bins::Bins;
use super::{Observer, nothing_seen};
use crate::calibrate::affine::{QuantParams, Scheme, ValueRange};
use crate::setters::setters;
use crate::{Error, Result};

/// The range of least error under codes of `bits` bits.
#[derive(Clone, Debug)]
pub struct Mse {
    /// Symmetric or asymmetric codes.
    pub scheme: Scheme,
    /// Bits of a code, 2 to 8.
    pub bits: u32,
    /// p, above 0: 2 by default; 2.4 in GPTQ, which penalizes large errors more.
    pub power: f64,
    /// The search tries the extremes times 1 - i/`grid`; 100 by default, as in both tools.
    pub grid: usize,
    /// The largest share by which the range may shrink, 0 to 1: 0.8 in GPTQ, 0.2 in newer llm-compressor.
    pub max_shrink: f64,
    histogram: Bins,
}

setters!(Mse {
    with_scheme: scheme: Scheme,
    with_bits: bits: u32,
    with_power: power: f64,
    with_grid: grid: usize,
    with_max_shrink: max_shrink: f64,
});

impl Mse {
    /// Squared errors, a grid of 100, shrinking by up to 0.8.
    pub fn new(scheme: Scheme, bits: u32) -> Mse {
        Mse {
            scheme,
            bits,
            power: 2.0,
            grid: 100,
            max_shrink: 0.8,
            histogram: Bins::new(8192, false),
        }
    }

    fn error(&self, params: QuantParams) -> f64 {
        let bins = self.histogram.counts.iter().zip(&self.histogram.sums);
        bins.filter(|(count, _)| **count > 0)
            .map(|(&count, &sum)| {
                let x = sum / count as f64;
                let error = (x - params.value(params.code(x as f32)) as f64).abs();
                let power = match self.power {
                    2.0 => error * error,
                    p => error.powf(p),
                };
                count as f64 * power
            })
            .sum()
    }
}

impl Observer for Mse {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        self.histogram.add(batch)
    }

    fn range(&self) -> Result<ValueRange> {
        let seen = self.histogram.seen.ok_or_else(nothing_seen)?;
        if !(self.power > 0.0 && self.power.is_finite()) {
            return Err(Error::argument(
                "the power of the error",
                "finite and above 0",
                self.power,
            ));
        }
        if self.grid == 0 {
            return Err(Error::argument("the grid", "at least 1", self.grid));
        }
        if !(0.0..=1.0).contains(&self.max_shrink) {
            return Err(Error::argument("max_shrink", "0 to 1", self.max_shrink));
        }
        let steps = (self.max_shrink * self.grid as f64) as usize;
        let (mut best, mut range) = (f64::INFINITY, seen);
        for i in 0..steps.max(1) {
            let share = (1.0 - i as f64 / self.grid as f64) as f32;
            let trial = ValueRange {
                lo: seen.lo * share,
                hi: seen.hi * share,
            };
            let error = self.error(QuantParams::from_range(trial, self.scheme, self.bits)?);
            if error < best {
                (best, range) = (error, trial);
            }
        }
        Ok(range)
    }
}

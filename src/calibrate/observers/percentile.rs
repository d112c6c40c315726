//! The range without outliers, after ONNX Runtime's `PercentileCalibrater`
//! (`onnxruntime.quantization.calibrate.HistogramCollector.compute_percentile`).

use super::bins::Bins;
use super::{Observer, nothing_seen};
use crate::calibrate::affine::ValueRange;
use crate::{Error, Result};

/// Which values are clipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cut {
    /// The largest magnitudes. The range is symmetric, except that it does not exceed the observed extremes.
    Magnitudes,
    /// The least and the largest values, half of the share on each side.
    BothSides,
}

/// Clips 100 - `percentile` percent of the values, to the lower edge of a histogram bin.
#[derive(Clone, Debug)]
pub struct Percentile {
    percentile: f64,
    bins: Bins,
}

impl Percentile {
    /// The range of `percentile` percent of the values (0 to 100), counted in `bins` bins (4 to 2^20, rounded up to a
    /// multiple of 4).
    pub fn new(percentile: f64, cut: Cut, bins: usize) -> Percentile {
        Percentile {
            percentile,
            bins: Bins::new(bins, cut == Cut::Magnitudes),
        }
    }
}

impl Default for Percentile {
    /// 99.999 percent of the magnitudes in 2048 bins, ONNX Runtime's defaults.
    fn default() -> Percentile {
        Percentile::new(99.999, Cut::Magnitudes, 2048)
    }
}

impl Observer for Percentile {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        self.bins.add(batch)
    }

    fn range(&self) -> Result<ValueRange> {
        if !(0.0..=100.0).contains(&self.percentile) {
            return Err(Error::argument("the percentile", "0 to 100", self.percentile));
        }
        let seen = self.bins.seen.ok_or_else(nothing_seen)?;
        let (lo, hi) = if self.bins.magnitudes {
            let end = self.edge(self.percentile / 100.0);
            (-end, end)
        } else {
            let cut = (100.0 - self.percentile) / 200.0;
            (self.edge(cut), self.edge(1.0 - cut))
        };
        Ok(ValueRange {
            lo: (lo as f32).max(seen.lo),
            hi: (hi as f32).min(seen.hi),
        })
    }
}

impl Percentile {
    /// The lower edge of the first bin at whose end at least this share of the values has been counted.
    fn edge(&self, share: f64) -> f64 {
        let total = self.bins.total() as f64;
        let mut below = 0;
        let bin = self.bins.counts.iter().position(|&count| {
            below += count;
            below as f64 / total >= share
        });
        self.bins.edge(bin.unwrap_or(self.bins.counts.len()))
    }
}

//! The extremes of all values, or a moving average of the extremes of batches.

use super::{Observer, extremes, nothing_seen, union};
use crate::calibrate::affine::ValueRange;
use crate::{Error, Result};

/// The least and the largest value of all batches (PyTorch `MinMaxObserver`).
#[derive(Clone, Debug, Default)]
pub struct MinMax {
    seen: Option<ValueRange>,
}

impl MinMax {
    /// An observer without values.
    pub fn new() -> MinMax {
        MinMax::default()
    }
}

impl Observer for MinMax {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        if let Some(range) = extremes(batch)? {
            self.seen = Some(union(self.seen, range));
        }
        Ok(())
    }

    fn range(&self) -> Result<ValueRange> {
        self.seen.ok_or_else(nothing_seen)
    }
}

/// A moving average m of the extremes x of batches, m += c · (x - m) for each batch (PyTorch
/// `MovingAverageMinMaxObserver`). It starts at the extremes of the first batch.
#[derive(Clone, Debug)]
pub struct MovingAverage {
    /// c, above 0 and at most 1; with 1 only the last batch counts.
    pub constant: f32,
    average: Option<ValueRange>,
}

impl MovingAverage {
    /// An observer with this averaging constant, above 0 and at most 1.
    pub fn new(constant: f32) -> MovingAverage {
        MovingAverage {
            constant,
            average: None,
        }
    }
}

impl Default for MovingAverage {
    /// c = 0.01, `averaging_constant` of PyTorch, ONNX Runtime and llm-compressor.
    fn default() -> MovingAverage {
        MovingAverage::new(0.01)
    }
}

impl Observer for MovingAverage {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        let c = self.constant;
        if !(c > 0.0 && c <= 1.0) {
            return Err(Error::argument("the averaging constant", "above 0 and at most 1", c));
        }
        if let Some(x) = extremes(batch)? {
            self.average = Some(self.average.map_or(x, |m| ValueRange {
                lo: m.lo + c * (x.lo - m.lo),
                hi: m.hi + c * (x.hi - m.hi),
            }));
        }
        Ok(())
    }

    fn range(&self) -> Result<ValueRange> {
        self.average.ok_or_else(nothing_seen)
    }
}

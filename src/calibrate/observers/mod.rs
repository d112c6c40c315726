//! Observers: the range of values to represent, from any number of batches.
//!
//! | Observer | Range | After |
//! |---|---|---|
//! | [`MinMax`] | the minimum and maximum | PyTorch `MinMaxObserver` |
//! | [`MovingAverage`] | moving average of the extremes of batches | PyTorch `MovingAverageMinMaxObserver` |
//! | [`Percentile`] | all but the outermost thousandth of a percent | ONNX Runtime `PercentileCalibrater` |
//! | [`Mse`] | the least error Σ\|x - Q(x)\|^p | GPTQ, llm-compressor `mse` |
//! | [`Entropy`] | the least Kullback-Leibler divergence | TensorRT, ONNX Runtime `EntropyCalibrater` |
//! | [`Histogram`] | the least squared error, by a greedy search | PyTorch `HistogramObserver` |
//!
//! Memory does not grow with the number of batches. NaN and infinite values are refused and leave the observer
//! unchanged. [`quant_params`](super::affine::quant_params) has one observer for each group of a matrix, [`Columns`]
//! one for each group of input channels.

mod bins;
mod columns;
mod entropy;
mod histogram;
mod min_max;
mod mse;
mod percentile;

use super::affine::ValueRange;
use crate::matrix::finite;
use crate::{Error, Result};

pub use columns::Columns;
pub use entropy::Entropy;
pub use histogram::Histogram;
pub use min_max::{MinMax, MovingAverage};
pub use mse::Mse;
pub use percentile::{Cut, Percentile};

/// Observes values and chooses the range to represent.
pub trait Observer {
    /// Takes a batch of values, of any length.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where a value is NaN or infinite; value `i` is column `i` of row 0.
    fn observe(&mut self, batch: &[f32]) -> Result<()>;

    /// The range for the values observed so far.
    ///
    /// # Errors
    /// [`Error::Argument`] before the first value, and where an option of the observer is out of range.
    fn range(&self) -> Result<ValueRange>;
}

/// The extremes of a batch; `None` for an empty one.
fn extremes(batch: &[f32]) -> Result<Option<ValueRange>> {
    finite("value", batch, batch.len())?;
    let fold = |range: ValueRange, &x: &f32| ValueRange {
        lo: range.lo.min(x),
        hi: range.hi.max(x),
    };
    let first = batch.first().map(|&x| ValueRange { lo: x, hi: x });
    Ok(first.map(|first| batch.iter().fold(first, fold)))
}

/// The smallest range that contains both.
fn union(a: Option<ValueRange>, b: ValueRange) -> ValueRange {
    a.map_or(b, |a| ValueRange {
        lo: a.lo.min(b.lo),
        hi: a.hi.max(b.hi),
    })
}

/// The error of [`Observer::range`] before the first value.
fn nothing_seen() -> Error {
    Error::argument("the number of values observed", "at least 1", 0)
}

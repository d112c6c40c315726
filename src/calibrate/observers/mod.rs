//! Observers: which range of values is worth representing, from any number of batches of them.
//!
//! | Observer | Range | After |
//! |---|---|---|
//! | [`MinMax`] | the extremes | PyTorch `MinMaxObserver` |
//! | [`MovingAverage`] | mean extremes, the last batches counting most | PyTorch `MovingAverageMinMaxObserver` |
//! | [`Percentile`] | all but the outermost thousandth of a percent | ONNX Runtime `PercentileCalibrater` |
//! | [`Mse`] | least error Σ\|x - Q(x)\|^p | GPTQ, llm-compressor `mse` |
//! | [`Entropy`] | least Kullback-Leibler divergence | TensorRT, ONNX Runtime `EntropyCalibrater` |
//! | [`Histogram`] | least squared error, by a greedy search | PyTorch `HistogramObserver` |
//!
//! Memory does not grow with the batches. Values that are not finite are refused, and leave an observer as it was.
//! [`quant_params`](super::affine::quant_params) gives each group of a matrix an observer of its own, [`Columns`] each column
//! of the inputs of a layer.

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

/// Sees values, and says which range of them is worth representing.
pub trait Observer {
    /// Takes a batch of values, of any length.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where a value is infinite or not a number, in column `i` of row 0 for value `i`.
    fn observe(&mut self, batch: &[f32]) -> Result<()>;

    /// The range for the values seen so far.
    ///
    /// # Errors
    /// [`Error::Argument`] before the first value, and where the observer was made with numbers it cannot work with.
    fn range(&self) -> Result<ValueRange>;
}

/// The extremes of a batch; none of an empty one.
fn extremes(batch: &[f32]) -> Result<Option<ValueRange>> {
    finite("value", batch, batch.len())?;
    let fold = |range: ValueRange, &x: &f32| ValueRange {
        lo: range.lo.min(x),
        hi: range.hi.max(x),
    };
    let first = batch.first().map(|&x| ValueRange { lo: x, hi: x });
    Ok(first.map(|first| batch.iter().fold(first, fold)))
}

/// The range that holds both.
fn union(a: Option<ValueRange>, b: ValueRange) -> ValueRange {
    a.map_or(b, |a| ValueRange {
        lo: a.lo.min(b.lo),
        hi: a.hi.max(b.hi),
    })
}

/// The refusal to say anything about values that nobody has shown.
fn nothing_seen() -> Error {
    Error::argument("the number of values observed", "at least 1", 0)
}

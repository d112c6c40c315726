//! SmoothQuant: a part of the inputs' dynamic range is moved into the weights.
//!
//! Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large
//! Language Models", 2022, arXiv 2211.10438. Some input channels of a language model are a hundred times larger than
//! the others, which keep only a few steps of a common 8-bit scale; the columns of weights are of similar size. Channel
//! j of the inputs X is divided by
//!
//! ```text
//! s_j = max |X_j|^α / max |W_j|^(1 - α)
//! ```
//!
//! and column j of the weights W is multiplied by it, which leaves the product unchanged. The division is folded into
//! the preceding layer ([`fold_into_norm`], [`fold_into_rows`]), so that it costs nothing at run time.

mod fold;
mod maxima;

use crate::dense::{Dense, shared_k};
use crate::setters::setters;
use crate::{Error, Result};

pub(crate) use fold::check_scales;
pub use fold::{fold_into_columns, fold_into_norm, fold_into_rows};
pub use maxima::ChannelMaxima;

/// The options of SmoothQuant.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Smooth {
    /// α, from 0 (inputs stay unchanged) to 1 (each channel gets a largest magnitude of 1). The paper takes 0.5, and
    /// 0.75 to 0.9 for models with larger outliers.
    pub alpha: f32,
    /// The lower bound of a column's maximum and of a factor: 1e-5 in the paper's code.
    pub least: f32,
}

setters!(Smooth { with_alpha: alpha: f32, with_least: least: f32 });

impl Default for Smooth {
    fn default() -> Self {
        Smooth {
            alpha: 0.5,
            least: 1e-5,
        }
    }
}

impl Smooth {
    /// The k factors s for the layers that share these inputs; `max |W_j|` is the maximum over all of them.
    ///
    /// A channel that was 0 in all inputs gets 1. The least factor, which the paper's code takes there, would turn the
    /// first nonzero input into an outlier.
    ///
    /// # Errors
    /// [`Error::Argument`] for an α outside 0 to 1, a `least` that is not positive, inputs that were never observed, or
    /// layers with different k.
    pub fn scales(&self, inputs: &ChannelMaxima, layers: &[Dense]) -> Result<Vec<f32>> {
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::argument("alpha", "0 to 1", self.alpha));
        }
        if !(self.least > 0.0 && self.least.is_finite()) {
            return Err(Error::argument("the least factor", "positive", self.least));
        }
        let k = shared_k(layers)?;
        if inputs.k() != k {
            return Err(Error::argument(
                "k of the inputs",
                &format!("{k}, that of the layers"),
                inputs.k(),
            ));
        }
        let mut columns = vec![self.least; k];
        for row in layers.iter().flat_map(|layer| layer.weights().chunks(k)) {
            for (max, w) in columns.iter_mut().zip(row) {
                *max = max.max(w.abs());
            }
        }
        let alpha = f64::from(self.alpha);
        let factor = |(&x, &w): (&f32, &f32)| match x {
            0.0 => 1.0,
            x => {
                let s = f64::from(x).powf(alpha) / f64::from(w).powf(1.0 - alpha);
                (s as f32).max(self.least)
            }
        };
        Ok(inputs.maxima()?.iter().zip(&columns).map(factor).collect())
    }
}

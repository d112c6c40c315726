//! LLM.int8(): the few large input channels keep f16 weights of their own; the rest is INT8.
//!
//! Dettmers, Lewis, Belkada and Zettlemoyer, "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale", 2022,
//! arXiv 2208.07339. Next to an input of 60, inputs of 1 have only two codes on each side of 0. In large language
//! models the same few channels, a thousandth of all, are that large for nearly every token. Excluding them from the
//! 8-bit product costs little, and the others are uniform enough for it.
//!
//! The paper detects outliers in each batch. Here they are found once, in calibration, so that only the weights of
//! their columns are stored in f16.

use super::smooth::ChannelMaxima;
use crate::setters::setters;
use crate::{Dense, Error, Format, Linear, Matrix, Result};
use half::f16;

/// The detection of outlier channels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Outliers {
    /// The least magnitude of an outlier: 6.0 in the paper and in bitsandbytes.
    pub threshold: f32,
}

setters!(Outliers { with_threshold: threshold: f32 });

impl Default for Outliers {
    fn default() -> Self {
        Outliers { threshold: 6.0 }
    }
}

impl Outliers {
    /// The channels whose largest magnitude is at least the threshold, in ascending order.
    ///
    /// # Errors
    /// [`Error::Argument`] where the threshold is not positive or no input was observed.
    pub fn columns(&self, inputs: &ChannelMaxima) -> Result<Vec<u32>> {
        if !(self.threshold > 0.0) {
            return Err(Error::argument("the threshold of outliers", "positive", self.threshold));
        }
        let maxima = inputs.maxima()?.iter().enumerate();
        let large = maxima.filter(|(_, max)| **max >= self.threshold);
        Ok(large.map(|(j, _)| j as u32).collect())
    }
}

/// The layer with the weights of `columns` in f16 and the others packed as `format`, in the paper INT8 with a scale for
/// each row. The packed matrix is zero in those columns, so that they do not increase a scale, and
/// [`Linear::matmul_with`] sets their inputs to zero in its product.
///
/// # Errors
/// Those of [`Matrix::quantize`] and [`Linear::with_outliers`]: a column that is not below k or is repeated, a weight
/// beyond the range of f16.
pub fn split(format: Format, layer: Dense, columns: &[u32]) -> Result<Linear> {
    let (n, k) = (layer.n(), layer.k());
    let mut rest = layer.weights().to_vec();
    let mut own = Vec::with_capacity(n.saturating_mul(columns.len()));
    for row in rest.chunks_mut(k) {
        // All are copied before any is cleared; `with_outliers` refuses repeated columns.
        for &column in columns {
            let weight = row.get(column as usize).copied().unwrap_or(0.0);
            own.push(f16::from_f32(weight));
        }
        for &column in columns {
            if let Some(weight) = row.get_mut(column as usize) {
                *weight = 0.0;
            }
        }
    }
    let linear = Linear::new(Matrix::quantize(format, Dense::new(n, k, &rest)?)?);
    if columns.is_empty() {
        Ok(linear)
    } else {
        linear.with_outliers(columns.to_vec(), own)
    }
}

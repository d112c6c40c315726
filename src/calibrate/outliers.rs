//! LLM.int8(): the few input channels that are large keep weights of their own, in f16; the rest is INT8.
//!
//! Dettmers, Lewis, Belkada and Zettlemoyer, "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale",
//! 2022, arXiv 2208.07339. Beside an input of 60 those of 1 are left two codes to either side. In large language
//! models the same few channels, a thousandth of all, are like that for nearly every token: taken out of
//! the product of bytes they cost little, and what stays is even enough for it.
//!
//! The paper looks for outliers in every batch anew; here they are found once, in calibration, so that the
//! weights of their columns are the only ones kept twice.

use super::smooth::ChannelMaxima;
use crate::setters::setters;
use crate::{Dense, Error, Format, Linear, Matrix, Result};
use half::f16;

/// What makes a channel an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Outliers {
    /// The magnitude from which on a channel is one: 6.0 in the paper and in bitsandbytes.
    pub threshold: f32,
}

setters!(Outliers { with_threshold: threshold: f32 });

impl Default for Outliers {
    fn default() -> Self {
        Outliers { threshold: 6.0 }
    }
}

impl Outliers {
    /// The channels whose magnitude reached the threshold, in order.
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

/// The layer with the weights of `columns` kept in f16 and the others packed as `format`: in the paper
/// `Format::INT8.per_row()?`. The packed matrix is zero in those columns, so that they widen no scale, and
/// [`Linear::matmul_with`] gives it inputs that are zero there too.
///
/// # Errors
/// Those of [`Matrix::quantize`] and [`Linear::with_outliers`]: a column that is not under k or there
/// twice, a weight beyond f16.
pub fn split(format: Format, layer: Dense, columns: &[u32]) -> Result<Linear> {
    let (n, k) = (layer.n(), layer.k());
    let mut rest = layer.weights().to_vec();
    let mut own = Vec::with_capacity(n.saturating_mul(columns.len()));
    for row in rest.chunks_mut(k) {
        // All are copied before any is cleared: a column that is there twice is found below.
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
    let linear = Linear::new(Matrix::quantize(format, n, k, &rest)?);
    if columns.is_empty() {
        Ok(linear)
    } else {
        linear.with_outliers(columns.to_vec(), own)
    }
}

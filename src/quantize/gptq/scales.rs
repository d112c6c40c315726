//! The search for the scales of a block, and the importance of its columns.

use crate::family::{Hints, QuantizeError};
use crate::quantize::grid::{CodeGrid, Fitted};
use crate::setters::setters;
use crate::{Error, Result};

/// How much the error of each column counts where the format's encoder, or [`Search`], chooses scales. Encoders of
/// GGUF formats use it; encoders of integer and float formats do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ColumnImportance {
    /// The same for all columns, as in the paper.
    #[default]
    Uniform,
    /// The diagonal of H: the cost of an error that no other column compensates.
    Diagonal,
    /// 1 / U_ii²: the cost of an error that all later columns compensate, as the loss counts it.
    Conditional,
}

/// A search for smaller scales than the encoder's. Of the factors 1, 1 - 1/grid, 1 - 2/grid and so on it keeps the one
/// with the least Σ importance · |w - q|^norm, where the encoder receives weights multiplied by the factor. The
/// defaults are those of the paper's tool (its `Quantizer`).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Search {
    /// Steps from 1 to 0, 1 to 10 000. Each takes the time of one encoding.
    pub grid: usize,
    /// The largest share by which a scale is reduced, 0 to 1.
    pub max_shrink: f32,
    /// The power of the error, above 0.
    pub norm: f32,
}

setters!(Search { with_grid: grid: usize, with_max_shrink: max_shrink: f32, with_norm: norm: f32 });

impl Default for Search {
    fn default() -> Self {
        Search {
            grid: 100,
            max_shrink: 0.8,
            norm: 2.4,
        }
    }
}

impl Search {
    pub(super) fn check(&self) -> Result<()> {
        if self.grid == 0 || self.grid > 10_000 {
            return Err(Error::argument("grid of the search", "1 to 10000", self.grid));
        }
        if !(0.0..=1.0).contains(&self.max_shrink) {
            return Err(Error::argument("max_shrink of the search", "0 to 1", self.max_shrink));
        }
        if !(self.norm > 0.0 && self.norm.is_finite()) {
            return Err(Error::argument("norm of the search", "above 0", self.norm));
        }
        Ok(())
    }

    /// Like [`CodeGrid::fit`], with the best of the tried scales.
    pub(super) fn fit(
        &self,
        grid: &CodeGrid,
        first: usize,
        weights: &[f32],
        hints: &Hints,
        block: &mut [u8],
        fitted: &mut Fitted,
    ) -> Result<(), QuantizeError> {
        grid.fit(first, weights, hints, block, fitted)?;
        let mut least = grid.error(fitted, first, weights, hints.importance, self.norm);
        let mut trial = (block.to_vec(), fitted.clone());
        let mut smaller = vec![0f32; weights.len()];
        for step in 1..(self.max_shrink * self.grid as f32) as usize {
            let factor = 1.0 - step as f32 / self.grid as f32;
            for (smaller, w) in smaller.iter_mut().zip(weights) {
                *smaller = factor * w;
            }
            let hints = Hints {
                row_mean_square: hints.row_mean_square * factor * factor,
                ..*hints
            };
            grid.fit(first, &smaller, &hints, &mut trial.0, &mut trial.1)?;
            let error = grid.error(&trial.1, first, weights, hints.importance, self.norm);
            if error < least {
                least = error;
                block.copy_from_slice(&trial.0);
                std::mem::swap(fitted, &mut trial.1);
                // The codes belong to the smaller weights.
                grid.forget(fitted, first..first + weights.len());
            }
        }
        Ok(())
    }
}

/// The importance of each step; `None` where it is uniform. `diagonal` is that of H, in the order of inputs.
pub(super) fn importance(kind: ColumnImportance, diagonal: &[f64], order: &[usize], u: &[f32]) -> Option<Vec<f32>> {
    let k = order.len();
    match kind {
        ColumnImportance::Uniform => None,
        ColumnImportance::Diagonal => Some(order.iter().map(|&j| diagonal[j] as f32).collect()),
        ColumnImportance::Conditional => {
            let diagonal = u.iter().step_by(k + 1);
            Some(diagonal.map(|d| 1.0 / (d * d)).collect())
        }
    }
}

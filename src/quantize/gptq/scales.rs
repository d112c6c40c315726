//! What the scales of a block are fitted to.

use crate::family::{Hints, QuantizeError};
use crate::quantize::grid::{Fitted, Grid};
use crate::{Error, Result};

/// How much errors count where the format's encoder, or [`Search`], chooses scales. Encoders of integer and float
/// formats have no use for it, those of GGUF do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Importance {
    /// The same for all columns, as in the paper.
    #[default]
    Uniform,
    /// The diagonal of H: what an error costs that nothing makes up for.
    Diagonal,
    /// 1 / U_ii²: what an error costs that all later columns make up for, as the loss counts it.
    Conditional,
}

/// A search for scales under the encoder's: that of factors 1, 1 - 1/grid, 1 - 2/grid .. which makes
/// Σ importance · |w - q|^norm least, the encoder being given weights that much smaller. The defaults are those of the
/// paper's tool (its `Quantizer`).
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Steps from 1 to 0. Each takes the time of an encoding.
    pub grid: usize,
    /// The most that a scale is made smaller by, 0 to 1.
    pub max_shrink: f32,
    /// The power that errors are raised to, over 0.
    pub norm: f32,
}

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
            let got = self.grid.to_string();
            return Err(Error::argument("grid of the search", "1 to 10000", got));
        }
        if !(0.0..=1.0).contains(&self.max_shrink) {
            let got = self.max_shrink.to_string();
            return Err(Error::argument("max_shrink of the search", "0 to 1", got));
        }
        if !(self.norm > 0.0 && self.norm.is_finite()) {
            let got = self.norm.to_string();
            return Err(Error::argument("norm of the search", "over 0", got));
        }
        Ok(())
    }

    /// As [`Grid::fit`], with the best of the scales tried.
    pub(super) fn fit(
        &self,
        grid: &Grid,
        weights: &[f32],
        hints: &Hints,
        block: &mut [u8],
        fitted: &mut Fitted,
    ) -> Result<(), QuantizeError> {
        grid.fit(weights, hints, block, fitted)?;
        let mut least = grid.error(fitted, weights, hints.importance, self.norm);
        let mut trial = (block.to_vec(), Fitted::default());
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
            grid.fit(&smaller, &hints, &mut trial.0, &mut trial.1)?;
            let error = grid.error(&trial.1, weights, hints.importance, self.norm);
            if error < least {
                least = error;
                block.copy_from_slice(&trial.0);
                std::mem::swap(fitted, &mut trial.1);
                // The codes are those of smaller weights.
                grid.forget(fitted);
            }
        }
        Ok(())
    }
}

/// The importance of each step, where it is not the same for all. `diagonal`: of H, in the order of inputs.
pub(super) fn importance(kind: Importance, diagonal: &[f64], order: &[usize], u: &[f32]) -> Option<Vec<f32>> {
    let k = order.len();
    match kind {
        Importance::Uniform => None,
        Importance::Diagonal => Some(order.iter().map(|&j| diagonal[j] as f32).collect()),
        Importance::Conditional => {
            let diagonal = u.iter().step_by(k + 1);
            Some(diagonal.map(|d| 1.0 / (d * d)).collect())
        }
    }
}

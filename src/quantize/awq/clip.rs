//! The search for clipped ranges: clipping a few large weights makes the steps of their group finer.

use super::metric::Metric;
use super::sample::{quantize, sample};
use crate::formats::encode::range::max_abs;
use crate::setters::setters;
use crate::{Dense, Error, Format, Result};

/// The options of the search for clipped ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Clip {
    /// A step is 1/grid of a group's largest magnitude: 20 in the tool.
    pub grid: usize,
    /// The largest share of the range to clip, under 1: 0.5 in the tool, so that the last step is 0.55 of the range.
    pub max_shrink: f32,
    /// Rows of inputs on which errors are measured, evenly spaced: 512 in the tool.
    pub tokens: usize,
}

setters!(Clip { with_grid: grid: usize, with_max_shrink: max_shrink: f32, with_tokens: tokens: usize });

impl Default for Clip {
    fn default() -> Self {
        Clip {
            grid: 20,
            max_shrink: 0.5,
            tokens: 512,
        }
    }
}

impl Clip {
    /// The weights of `dense`, each block of `format` (each group where a block's groups are independent, each row where
    /// the format has one scale for it) clipped at the magnitude with the least error of its part of the outputs over
    /// `x`, rows of k floats.
    ///
    /// `importance` is what [`quantize_weighted`](crate::Matrix::quantize_weighted) will receive; `None` for
    /// [`quantize`](crate::Matrix::quantize).
    ///
    /// # Errors
    /// Those of both; [`Error::Argument`] for options out of range, [`Error::Inputs`] where `x` is not whole rows.
    pub fn search(
        &self,
        format: Format,
        dense: Dense,
        x: &[f32],
        importance: Option<&[f32]>,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<f32>> {
        self.check()?;
        let (n, k) = (dense.n(), dense.k());
        let rows = sample(k, x)?;
        format.check_k(k)?;
        let stride = (rows / self.tokens).max(1);
        let x: Vec<&[f32]> = x.chunks_exact(k).step_by(stride).collect();
        let span = format.encoded_span(k);
        let steps = (self.max_shrink * self.grid as f32) as usize;
        let metrics = (0..k).step_by(span).map(|start| {
            let end = (start + span).min(k);
            let columns: Vec<f32> = x.iter().flat_map(|row| &row[start..end]).copied().collect();
            Metric::new(end - start, &columns, n.saturating_mul(steps))
        });
        let metrics: Vec<Metric> = metrics.collect::<Result<_>>()?;

        let blocks = metrics.len();
        let mut least = vec![f64::INFINITY; n * blocks];
        let mut kept = vec![1f32; n * blocks];
        let mut errors = Vec::new();
        for step in 0..steps {
            let share = 1.0 - step as f32 / self.grid as f32;
            let tried = cut(dense, span, &vec![share; n * blocks]);
            let rounded = quantize(format, Dense::new(n, k, &tried)?, importance)?.dequantize();
            for (b, metric) in metrics.iter().enumerate() {
                let columns = b * span..((b + 1) * span).min(k);
                errors.clear();
                for (q, w) in rounded.chunks(k).zip(dense.weights().chunks(k)) {
                    let pairs = q[columns.clone()].iter().zip(&w[columns.clone()]);
                    errors.extend(pairs.map(|(q, w)| q - w));
                }
                for (row, loss) in metric.losses(&errors)?.into_iter().enumerate() {
                    let at = row * blocks + b;
                    if loss < least[at] {
                        (least[at], kept[at]) = (loss, share);
                    }
                }
            }
            progress((step + 1) as f32 / steps as f32);
        }
        Ok(cut(dense, span, &kept))
    }

    fn check(&self) -> Result<()> {
        if self.grid == 0 || self.tokens == 0 {
            let got = self.grid.min(self.tokens);
            return Err(Error::argument(
                "the grid or the tokens of a clip search",
                "at least 1",
                got,
            ));
        }
        if !(0.0..1.0).contains(&self.max_shrink) {
            return Err(Error::argument(
                "max_shrink of a clip search",
                "at least 0 and below 1",
                self.max_shrink,
            ));
        }
        Ok(())
    }
}

/// The weights clipped to the given share of the largest magnitude in each block of `span`.
fn cut(dense: Dense, span: usize, kept: &[f32]) -> Vec<f32> {
    let (k, blocks) = (dense.k(), dense.k().div_ceil(span));
    let mut weights = dense.weights().to_vec();
    for (row, kept) in weights.chunks_mut(k).zip(kept.chunks(blocks)) {
        for (block, share) in row.chunks_mut(span).zip(kept) {
            let limit = max_abs(block) * share;
            block.iter_mut().for_each(|w| *w = w.clamp(-limit, limit));
        }
    }
    weights
}

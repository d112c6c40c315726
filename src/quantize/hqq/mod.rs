//! HQQ: zero points fitted to the weights alone, with a norm that tolerates outliers.
//!
//! Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models", 2023 (mobiusml.github.io/hqq_blog).
//! With s the inverse of the step (the tool's `scale`) and z a real zero point, weights W are stored as
//! `W_q = round(W s + z)` and read as `W_r = (W_q - z) / s`. Least squares is dominated by a few outliers, so
//! the method minimizes `Σ |W - W_r|^p` with p < 1 by half-quadratic splitting, which divides the error between z and a
//! sparse E,
//!
//! ```text
//! E ← shrink(W - W_r),   shrink(e) = sign(e) · max(|e| - |e|^(p-1) / β, 0)
//! z ← mean over the group of W_q - (W - E) s
//! ```
//!
//! until the mean of |W - W_r| no longer falls. s comes from the extremes of the group and is constant. No calibration
//! data is needed. Defaults and steps are those of hqq 0.2.8 with groups along the rows (its axis 1).

mod group;
mod options;
mod pack;

use crate::family::{AffineKind, Blocks};
use crate::matrix::check_shape;
use crate::{Dense, Error, Format, Matrix, Result, parallel};
use group::HqqGroup;
use pack::pack;

pub use options::{Hqq, Solver};

/// The result of [`Hqq::quantize`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HqqResult {
    /// The packed matrix.
    pub matrix: Matrix<'static>,
    /// The mean of |W - W_r| before each update of the zero points; the first is that of round to nearest with real
    /// zero points.
    pub errors: Vec<f64>,
}

impl Hqq {
    /// Packs `dense` as `format`, an asymmetric integer format (`INT4_ASYM`, for example) with any group and any type
    /// of scales and zero points. `progress` receives the share of iterations done, 0 to 1.
    ///
    /// # Errors
    /// Those of [`Matrix::quantize`]; [`Error::Argument`] where the format has no real zero points or an option is out
    /// of range.
    pub fn quantize(&self, format: Format, dense: Dense, progress: &(dyn Fn(f32) + Sync)) -> Result<HqqResult> {
        self.check()?;
        let bits = bits_of(format)?;
        let (n, k, weights) = (dense.n(), dense.k(), dense.weights());
        check_shape(format, n, k)?;
        let top = f64::from((1u32 << bits) - 1);
        let span = format.block_span(k);
        let per_row = k.div_ceil(span);
        let mut groups: Vec<HqqGroup> = weights
            .chunks(k)
            .flat_map(|row| row.chunks(span).map(|w| self.start(w, top)))
            .collect();
        let mut errors: Vec<f64> = Vec::new();
        let mut beta = self.beta;
        for i in 0..self.iterations {
            parallel::chunks(
                &mut groups,
                per_row,
                || (),
                |row, groups, ()| {
                    let row = weights[row * k..][..k].chunks(span);
                    for (group, w) in groups.iter_mut().zip(row) {
                        self.step(w, top, beta, group);
                    }
                },
            );
            // Summed in one order, so that threads change nothing.
            let error = groups.iter().map(|g| g.error).sum::<f64>() / weights.len() as f64;
            let falls = errors.last().is_none_or(|&last| error < last);
            errors.push(error);
            let stops = self.early_stop && !falls;
            for group in &mut groups {
                (group.best, group.z) = match (self.solver, stops) {
                    (Solver::V2, true) => (group.best, group.best),
                    _ => (group.z, group.next),
                };
            }
            if stops {
                break;
            }
            if self.solver == Solver::V2 {
                beta *= self.kappa;
            }
            progress((i + 1) as f32 / self.iterations as f32);
        }
        let matrix = pack(format, bits, dense, &groups)?;
        progress(1.0);
        Ok(HqqResult { matrix, errors })
    }
}

/// The bits of a format of integers with zero points.
fn bits_of(format: Format) -> Result<usize> {
    let family = format.family();
    match (family.blocks, family.affine_kind) {
        (Blocks::Groups { groups: 1, bits, .. }, AffineKind::ScaleZero { .. }) => Ok(bits),
        _ => Err(Error::argument(
            "the format for HQQ",
            "one of integers with zero points that can be fractional, such as int4_asym",
            format,
        )),
    }
}

//! HQQ: zero points fitted to the weights alone, for errors with a heavy tail.
//!
//! Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models", 2023 (mobiusml.github.io/hqq_blog).
//! With s the inverse of the step (the tool's `scale`) and z a real zero point, weights W are stored as
//! `W_q = round(W s + z)` and read as `W_r = (W_q - z) / s`. Least squares would give way to the few weights
//! that lie far out; what is minimized is `Σ |W - W_r|^p`, p < 1, by half-quadratic splitting: errors
//! are shared out between z and a sparse E,
//!
//! ```text
//! E ← shrink(W - W_r),   shrink(e) = sign(e) · max(|e| - |e|^(p-1) / β, 0)
//! z ← mean over the group of W_q - (W - E) s
//! ```
//!
//! until the mean of |W - W_r| no longer falls. s is that of the extremes of the group, and stays. There is
//! no data. Defaults and steps are those of hqq 0.2.8, groups along the rows (its axis 1).

use crate::family::{AffineKind, Blocks};
use crate::formats::bits::set_field_of;
use crate::matrix::check_shape;
use crate::{calibrate::Layer, parallel, Error, Format, Matrix, Result, ScaleType};
use std::sync::Mutex;

/// Which of the tool's two loops is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solver {
    /// `optimize_weights_proximal_legacy`, the tool's default: β stays, and the zero points are the last ones,
    /// made when the error had not fallen.
    Legacy,
    /// `optimize_weights_proximal_v2`: β grows by κ each time, and where the error does not fall the zero points
    /// before it are the ones.
    V2,
}

/// Half-quadratic quantization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hqq {
    /// p, over 0 and at most 1.
    pub lp_norm: f64,
    /// β: larger ones leave more of the error to E.
    pub beta: f64,
    /// κ: what β is multiplied by after each iteration, at least 1. Of [`Solver::V2`] only.
    pub kappa: f64,
    /// Iterations at most.
    pub iterations: usize,
    /// Whether the loop ends when the error does not fall.
    pub early_stop: bool,
    /// Which loop.
    pub solver: Solver,
    /// Groups whose weights span no more than this become one value: their s is 1.
    pub least_range: f64,
    /// The most that s may be: the tool keeps it from overflowing in f16.
    pub most_inverse_scale: f64,
}

impl Default for Hqq {
    fn default() -> Self {
        Hqq {
            lp_norm: 0.7,
            beta: 10.0,
            kappa: 1.01,
            iterations: 20,
            early_stop: true,
            solver: Solver::Legacy,
            least_range: 1e-4,
            most_inverse_scale: 2e4,
        }
    }
}

/// A quantized matrix and how its error went.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Of the format asked for.
    pub matrix: Matrix<'static>,
    /// The mean of |W - W_r| before each update of the zero points, the first being that of rounding with
    /// real zero points.
    pub errors: Vec<f64>,
}

/// One group: s and z of now, the z to come, the best z so far.
#[derive(Clone, Copy)]
struct Group {
    s: f64,
    z: f64,
    next: f64,
    best: f64,
    /// Σ |W - W_r|
    error: f64,
}

impl Hqq {
    /// Packs `weights`, `n` rows of `k` floats, as `format`: an asymmetric integer format (`INT4_ASYM` and the
    /// like) of any group, with scales and zero points of any type that it takes. `progress` is told the
    /// share of iterations done.
    ///
    /// # Errors
    /// Those of [`Matrix::quantize`]; [`Error::Argument`] where the format has no real zero points or a
    /// number is out of its range.
    pub fn quantize(
        &self,
        format: Format,
        n: usize,
        k: usize,
        weights: &[f32],
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Quantized> {
        self.check()?;
        let bits = bits_of(format)?;
        check_shape(format, n, k)?;
        let weights = Layer::new(n, k, weights)?.weights();
        let top = f64::from((1u32 << bits) - 1);
        let span = format.block_span(k);
        let per_row = k.div_ceil(span);
        let mut groups: Vec<Group> = weights
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
            // One sum in one order, whatever the number of threads.
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
        let matrix = pack(format, bits, n, k, weights, &groups)?;
        progress(1.0);
        Ok(Quantized { matrix, errors })
    }

    /// s and z from the extremes of a group.
    fn start(&self, weights: &[f32], top: f64) -> Group {
        let (lo, hi) = crate::quantize::range::span(weights);
        let (lo, range) = (f64::from(lo), f64::from(hi) - f64::from(lo));
        let s = match range <= self.least_range {
            true => 1.0,
            false => top / range,
        };
        let s = s.min(self.most_inverse_scale);
        let z = -lo * s;
        Group {
            s,
            z,
            next: z,
            best: z,
            error: 0.0,
        }
    }

    /// The error of a group with its z, and its next z.
    fn step(&self, weights: &[f32], top: f64, beta: f64, group: &mut Group) {
        let &mut Group { s, z, .. } = group;
        let (mut error, mut sum) = (0.0, 0.0);
        for &w in weights {
            let w = f64::from(w);
            let field = (w * s + z).round_ties_even().clamp(0.0, top);
            let e = w - (field - z) / s;
            error += e.abs();
            sum += field - (w - self.shrink(e, beta)) * s;
        }
        group.error = error;
        group.next = sum / weights.len() as f64;
    }

    fn shrink(&self, e: f64, beta: f64) -> f64 {
        let magnitude = e.abs();
        // At 0 the power is infinite, the difference below 0, and the result 0.
        let less = magnitude.powf(self.lp_norm - 1.0) / beta;
        (magnitude - less).max(0.0).copysign(e)
    }

    fn check(&self) -> Result<()> {
        let bounds = [
            (
                "the p of HQQ",
                "over 0, at most 1",
                self.lp_norm,
                self.lp_norm > 0.0 && self.lp_norm <= 1.0,
            ),
            ("the beta of HQQ", "positive", self.beta, self.beta > 0.0),
            (
                "the kappa of HQQ",
                "at least 1",
                self.kappa,
                self.kappa >= 1.0,
            ),
            (
                "the least range",
                "at least 0",
                self.least_range,
                self.least_range >= 0.0,
            ),
            (
                "the largest inverse scale",
                "positive",
                self.most_inverse_scale,
                self.most_inverse_scale > 0.0,
            ),
            (
                "the iterations of HQQ",
                "at least 1",
                self.iterations as f64,
                self.iterations > 0,
            ),
        ];
        for (what, allowed, got, fits) in bounds {
            if !(fits && got.is_finite()) {
                return Err(Error::Argument {
                    what,
                    allowed: allowed.into(),
                    got: got.to_string(),
                });
            }
        }
        Ok(())
    }
}

/// The bits of a format of integers with zero points.
fn bits_of(format: Format) -> Result<usize> {
    let family = format.family();
    match (family.blocks, family.affine_kind) {
        (Blocks::Groups { bits, .. }, AffineKind::ScaleZero { .. }) => Ok(bits),
        _ => Err(Error::Argument {
            what: "the format for HQQ",
            allowed: "of integers with zero points, such as int4_asym".into(),
            got: format.to_string(),
        }),
    }
}

/// Blocks of a step, a zero point, and the codes that are nearest with these as they are stored.
fn pack(
    format: Format,
    bits: usize,
    n: usize,
    k: usize,
    weights: &[f32],
    groups: &[Group],
) -> Result<Matrix<'static>> {
    let (row_bytes, span, header) = (
        format.row_bytes(k)?,
        format.block_span(k),
        format.bytes_for(0),
    );
    let kind = format
        .float_fields()
        .first()
        .map_or(ScaleType::F16, |(_, kind)| *kind);
    let top = f64::from((1u32 << bits) - 1);
    let per_row = k.div_ceil(span);
    let mut bytes = vec![0u8; n * row_bytes];
    let failure = Mutex::new(None);
    parallel::chunks(
        &mut bytes,
        row_bytes,
        || (),
        |row, bytes, ()| {
            let blocks = bytes.chunks_mut(format.bytes_for(span));
            let weights = weights[row * k..][..k].chunks(span);
            for ((block, weights), group) in blocks.zip(weights).zip(&groups[row * per_row..]) {
                let (head, fields) = block.split_at_mut(header);
                let (scale, zero) = head.split_at_mut(kind.bytes());
                let stored = [
                    ((1.0 / group.s) as f32, &mut *scale),
                    (group.z as f32, &mut *zero),
                ];
                for (value, place) in stored {
                    if let Err(e) = kind.store(value, place) {
                        *failure.lock().unwrap_or_else(|e| e.into_inner()) = Some(e);
                    }
                }
                let (scale, zero) = (f64::from(kind.load(scale)), f64::from(kind.load(zero)));
                for (i, &w) in weights.iter().enumerate() {
                    let level = if scale == 0.0 {
                        0.0
                    } else {
                        f64::from(w) / scale
                    };
                    let field = (level + zero).round_ties_even().clamp(0.0, top);
                    set_field_of(fields, bits, i, field as u8);
                }
            }
        },
    );
    match failure.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some(e) => Err(Error::ScaleRange {
            format: format.to_string(),
            value: e.scale,
            limit: e.limit,
        }),
        None => Matrix::from_bytes(format, n, k, bytes),
    }
}

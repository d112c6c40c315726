//! GPTQ: weights are rounded column by column, and each column's error is compensated by the later columns.
//!
//! E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative
//! Pre-trained Transformers", 2022, arXiv 2210.17323. With H = (2/n) Σ x xᵀ and U upper triangular, H⁻¹ = Uᵀ U:
//!
//! ```text
//! q_i = Q(w_i);  e = (w_i - q_i) / U_ii;  w_j -= e · U_ij for j > i
//! ```
//!
//! Q rounds to the levels of any format whose codes are separate bits; scales come from the format's own encoder. A
//! [`Hessian`] collects H from the inputs of the layer.

mod options;
mod row;
mod scales;

use super::cholesky::inverse_upper;
use super::grid::CodeGrid;
use super::hessian::Hessian;
use super::tiles::{TileRows, subtract};
use crate::family::QuantizeError;
use crate::matrix::check_shape;
use crate::simd;
use crate::{Dense, Error, Format, Linear, Matrix, Result, parallel};
use fearless_simd::Level;
use row::{GptqPlan, GptqRow};
use std::sync::Mutex;

pub use options::{Gptq, GroupScales};
pub use scales::{ColumnImportance, Search};

/// Rows of a task; each task reads all of U.
const TASK: usize = 32;

/// The increment of the damping where the Hessian has no Cholesky factor (GPTQModel's `damp_auto_increment`).
const DAMP_STEP: f64 = 0.01;

/// The result of [`Gptq::quantize`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GptqResult {
    /// The packed matrix, with a permutation of its inputs where columns were reordered.
    pub linear: Linear,
    /// ½ Σ ((w - q) / U_ii)² over all weights: half of tr((W - Ŵ) H (W - Ŵ)ᵀ), with the damping included in H.
    pub loss: f64,
    /// The damping for which H had a Cholesky factor.
    pub damp: f64,
}

impl Gptq {
    /// Quantizes the layer `dense`, `n` rows of `k` weights, for inputs with this Hessian. Columns whose inputs were
    /// always 0 become 0. `progress` receives the share done, 0 to 1.
    ///
    /// Where H is a multiple of the identity, the bytes equal those of [`Matrix::quantize`]. At one bit with a zero
    /// point or bias, whose levels are the extremes of the weights, errors can grow from group to group;
    /// [`GroupScales::Static`] avoids that.
    ///
    /// # Errors
    /// Those of [`Matrix::quantize`]; [`Error::Argument`] where the format's codes are not separate bits of its blocks
    /// (lattices, TQ1_0), the Hessian has another `k` or an option is out of range;
    /// [`Error::NotPositiveDefinite`] where H has no Cholesky factor with any damping up to 1.
    pub fn quantize(
        &self,
        format: Format,
        dense: Dense,
        hessian: &Hessian,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<GptqResult> {
        let (n, k) = (dense.n(), dense.k());
        check_shape(format, n, k)?;
        self.check(k, hessian)?;
        let span = format.block_span(k);
        let grid = CodeGrid::new(format, span.min(k))?;
        let tail = match k % span {
            0 => None,
            rest => Some(CodeGrid::new(format, rest)?),
        };
        progress(0.0);
        let mut h = hessian.matrix();
        let dead = settle_dead(&mut h, k);
        let diagonal: Vec<f64> = h.iter().step_by(k + 1).copied().collect();
        let mut order: Vec<usize> = (0..k).collect();
        if self.act_order {
            // Stable: columns with equal entries keep their order.
            order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
            h = permuted(&h, &order);
        }
        let (u, damp) = factor(h, k, self.damp)?;
        progress(0.3);

        let importance = scales::importance(self.importance, &diagonal, &order, &u);
        let plan = GptqPlan::new(format, k, order, &grid, tail.as_ref(), importance, self);
        let task = RoundingTask {
            dense,
            dead: &dead,
            plan: &plan,
            u: &u,
            block: self.block,
            level: simd::best(),
        };
        let (bytes, loss) = task.round_all(format, &|done| progress(0.3 + 0.7 * done))?;
        let linear = Linear::new(Matrix::encoded(format, n, k, bytes)?);
        Ok(GptqResult {
            linear: match plan.permutation() {
                Some(permutation) => linear.with_permutation(permutation)?,
                None => linear,
            },
            loss,
            damp,
        })
    }

    fn check(&self, k: usize, hessian: &Hessian) -> Result<()> {
        if hessian.k() != k {
            return Err(Error::argument("k of the Hessian", &k.to_string(), hessian.k()));
        }
        if !(0.0..=1.0).contains(&self.damp) {
            return Err(Error::argument("damp", "0 to 1", self.damp));
        }
        if self.block == 0 {
            return Err(Error::argument("block", "at least 1", self.block));
        }
        self.search.as_ref().map_or(Ok(()), Search::check)
    }
}

/// The columns whose inputs were always 0; their entry on the diagonal of H becomes 1.
fn settle_dead(h: &mut [f64], k: usize) -> Vec<bool> {
    let mut dead = vec![false; k];
    for (j, dead) in dead.iter_mut().enumerate() {
        if h[j * k + j] == 0.0 {
            (*dead, h[j * k + j]) = (true, 1.0);
        }
    }
    dead
}

/// What the rounding of all rows has in common.
struct RoundingTask<'a> {
    dense: Dense<'a>,
    dead: &'a [bool],
    plan: &'a GptqPlan<'a>,
    u: &'a [f32],
    block: usize,
    level: Level,
}

/// The buffers that a worker reuses.
#[derive(Default)]
struct Scratch {
    weights: Vec<f32>,
    errors: Vec<f32>,
}

impl RoundingTask<'_> {
    /// The bytes of all rows, and half the sum of their losses.
    fn round_all(&self, format: Format, progress: &(dyn Fn(f32) + Sync)) -> Result<(Vec<u8>, f64)> {
        let n = self.dense.n();
        let row_bytes = format.row_bytes(self.dense.k())?;
        let mut bytes = vec![0u8; n * row_bytes];
        let losses = Mutex::new((vec![0f64; n], 0));
        parallel::try_chunks(
            &mut bytes,
            TASK * row_bytes,
            Scratch::default,
            |task, bytes, scratch| {
                let (rows, result) = self.round(task * TASK, bytes, row_bytes, scratch);
                let mut losses = losses.lock().unwrap_or_else(|e| e.into_inner());
                for (r, row) in rows.iter().enumerate() {
                    losses.0[task * TASK + r] = row.loss;
                }
                losses.1 += rows.len();
                progress(losses.1 as f32 / n as f32);
                result
            },
        )
        .map_err(|e| e.of(format))?;
        // Summed in the order of rows, so that threads change nothing.
        let losses = losses.into_inner().unwrap_or_else(|e| e.into_inner()).0;
        Ok((bytes, 0.5 * losses.iter().sum::<f64>()))
    }

    /// Rounds the rows from `first` on that fill `bytes`; stops at the first error.
    fn round<'a>(
        &self,
        first: usize,
        bytes: &'a mut [u8],
        row_bytes: usize,
        Scratch { weights, errors }: &mut Scratch,
    ) -> (Vec<GptqRow<'a>>, Result<(), QuantizeError>) {
        let RoundingTask { plan, u, .. } = *self;
        let k = self.dense.k();
        weights.clear();
        let mut rows = Vec::new();
        for (r, bytes) in bytes.chunks_mut(row_bytes).enumerate() {
            let given = &self.dense.weights()[(first + r) * k..][..k];
            let alive = |j: usize| if self.dead[j] { 0.0 } else { given[j] };
            rows.push(GptqRow::new(plan, bytes, (0..k).map(alive).collect()));
            weights.extend(plan.order.iter().map(|&j| alive(j)));
        }
        let mut result = Ok(());
        let mut start = 0;
        for end in plan.batches(self.block) {
            let width = end - start;
            errors.clear();
            errors.resize(rows.len() * width, 0.0);
            let each = rows.iter_mut().zip(weights.chunks_mut(k)).zip(errors.chunks_mut(width));
            for ((row, weights), errors) in each {
                result = result.and(row.round(plan, u, weights, start, errors));
            }
            // A row without scales cannot be rounded further.
            if result.is_err() {
                break;
            }
            let errors = TileRows {
                data: &errors[..],
                stride: width,
                count: rows.len(),
                len: width,
            };
            subtract(self.level, errors, &u[start * k..end * k], weights, k, end);
            start = end;
        }
        (rows, result)
    }
}

/// H with rows and columns in another order.
fn permuted(h: &[f64], order: &[usize]) -> Vec<f64> {
    let k = order.len();
    let mut out = vec![0f64; k * k];
    parallel::chunks(
        &mut out,
        k,
        || (),
        |i, row, ()| {
            let from = &h[order[i] * k..][..k];
            for (value, &j) in row.iter_mut().zip(order) {
                *value = from[j];
            }
        },
    );
    out
}

/// U of the damped Hessian, and the damping that was necessary.
fn factor(h: Vec<f64>, k: usize, mut damp: f64) -> Result<(Vec<f32>, f64)> {
    let mean = h.iter().step_by(k + 1).sum::<f64>() / k as f64;
    loop {
        let mut damped = h.clone();
        for value in damped.iter_mut().step_by(k + 1) {
            *value += damp * mean;
        }
        match inverse_upper(damped, k) {
            Err(Error::NotPositiveDefinite { .. }) if damp + DAMP_STEP <= 1.0 => damp += DAMP_STEP,
            Err(error) => return Err(error),
            Ok(u) => return Ok((u, damp)),
        }
    }
}

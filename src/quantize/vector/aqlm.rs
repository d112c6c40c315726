//! AQLM: Egiazarian et al., "Extreme Compression of Large Language Models via Additive Quantization", 2024,
//! arXiv 2401.06118. It chooses the codes and codebooks of a layer for a small ‖(W - Ŵ)X‖².
//!
//! With H = XXᵀ and e a row of W - Ŵ, the error is Σ eᵀHe over the rows. Starting from residual k-means, each round
//! lowers it by fitting codebooks to codes ([`refit`](super::refit)), scales to both, and codes to codebooks
//! ([`beam`](super::beam)). Where the original takes steps of Adam on codebooks, conjugate gradients solve the same
//! least-squares problem. The original's fine-tuning of whole blocks needs the model and is not included.

use super::beam::search;
use super::refit::refit;
use super::{Additive, KMeans, Residual};
use crate::matrix::length;
use crate::setters::setters;
use crate::{Dense, Error, Format, Matrix, Result, parallel};

/// The options of AQLM. The defaults are for `AQLM_2X8`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Aqlm {
    /// `num_codebooks` M: codebooks, at least 1; 2 by default.
    pub books: usize,
    /// `nbits_per_codebook` B: bits of a code, 1 to 16; 8 by default.
    pub bits: u32,
    /// `in_group_size` g: weights in a vector; 8 by default.
    pub d: usize,
    /// `beam_size`: candidate assignments of codes to a row that the search keeps; 1 by default.
    pub beam: usize,
    /// The most rounds; 20 by default. The original runs up to 1000 epochs of 100 steps each.
    pub rounds: usize,
    /// `relative_mse_tolerance`: stops once a round lowers the error by less than this share of it; 0.01 by default.
    pub tolerance: f64,
    /// Steps of conjugate gradients in a round; 16 by default.
    pub steps: usize,
    /// The most rounds of the initial k-means (`init_max_iter`); 100 by default.
    pub init_rounds: usize,
    /// The seed of the initial k-means.
    pub seed: u64,
}

setters!(Aqlm {
    with_books: books: usize,
    with_bits: bits: u32,
    with_d: d: usize,
    with_beam: beam: usize,
    with_rounds: rounds: usize,
    with_tolerance: tolerance: f64,
    with_steps: steps: usize,
    with_init_rounds: init_rounds: usize,
    with_seed: seed: u64,
});

impl Default for Aqlm {
    fn default() -> Aqlm {
        Aqlm {
            books: 2,
            bits: 8,
            d: 8,
            beam: 1,
            rounds: 20,
            tolerance: 0.01,
            steps: 16,
            init_rounds: 100,
            seed: 0,
        }
    }
}

/// The estimated share of the initial k-means in the work.
const START: f32 = 0.3;

impl Aqlm {
    /// Quantizes the layer `dense`, `n` rows of `k` weights. `h` is H = XXᵀ over the inputs, k rows of k, times any
    /// factor. `progress` receives the share done, 0 to 1.
    ///
    /// # Errors
    /// Those of [`Residual::quantize`]; [`Error::Length`] or [`Error::Argument`] where `h` or an option does not fit.
    pub fn quantize(&self, dense: Dense, h: &[f32], progress: &(dyn Fn(f32) + Sync)) -> Result<Additive> {
        let (k, w) = (dense.k(), dense.weights());
        if !(1..=16).contains(&self.bits) {
            return Err(Error::argument("bits", "1 to 16", self.bits));
        }
        if self.beam == 0 {
            return Err(Error::argument("the beam", "at least 1", self.beam));
        }
        check_h(h, k)?;
        let diagonal: Vec<f32> = h.iter().step_by(k + 1).copied().collect();
        let means = KMeans {
            rounds: self.init_rounds,
            seed: self.seed,
            ..KMeans::new(1 << self.bits, self.d)
        };
        let start = |share: f32| progress(START * share);
        let mut best = Residual::new(self.books, means).quantize(dense, Some(&diagonal), &start)?;
        let hessian = hessian(h, k)?;
        let mut least = error_of(w, &best, &hessian)?;
        for round in 0..self.rounds {
            let mut next = best.clone();
            refit(w, &mut next, &hessian, h, self.steps)?;
            rescale(w, &mut next, &hessian)?;
            search(w, &mut next, &hessian, h, self.beam)?;
            let error = error_of(w, &next, &hessian)?;
            progress(START + (1.0 - START) * (round + 1) as f32 / self.rounds as f32);
            let settled = !(least - error > self.tolerance * least);
            if error < least {
                (best, least) = (next, error);
            }
            if settled {
                break;
            }
        }
        progress(1.0);
        Ok(best)
    }
}

/// ‖(W - Ŵ)X‖² = Σ eᵀHe over the rows e of W - Ŵ. `dense` is W, `quantized` is Ŵ, both `n` rows of `k`, and `h` is H =
/// XXᵀ, `k` rows of `k`.
///
/// # Errors
/// [`Error::Length`] or [`Error::Argument`] where lengths do not fit or `h` is not finite.
pub fn output_error(dense: Dense, quantized: &[f32], h: &[f32]) -> Result<f64> {
    let (n, k, w) = (dense.n(), dense.k(), dense.weights());
    if quantized.len() != w.len() {
        return Err(length("weights", n, k, "floats", w.len(), quantized.len()));
    }
    check_h(h, k)?;
    let errors: Vec<f32> = w.iter().zip(quantized).map(|(w, q)| w - q).collect();
    energy(&errors, &hessian(h, k)?)
}

fn check_h(h: &[f32], k: usize) -> Result<()> {
    if k.checked_mul(k) != Some(h.len()) {
        return Err(length("H", k, k, "floats", k.saturating_mul(k), h.len()));
    }
    if let Some(value) = h.iter().find(|v| !v.is_finite()) {
        return Err(Error::argument("an entry of H", "finite", value));
    }
    match h.iter().step_by(k + 1).find(|v| **v < 0.0) {
        Some(value) => Err(Error::argument("the diagonal of H", "at least 0", value)),
        None => Ok(()),
    }
}

/// H as a matrix, for fast products with many rows. H is symmetric, so its rows are its columns.
fn hessian(h: &[f32], k: usize) -> Result<Matrix<'_>> {
    // On a little-endian machine the floats are the bytes of the format; on others they must be converted.
    if cfg!(target_endian = "little") {
        Matrix::from_bytes(Format::F32, k, k, bytemuck::cast_slice::<f32, u8>(h))
    } else {
        Dense::new(k, k, h).and_then(|w| Matrix::quantize(Format::F32, w))
    }
}

fn error_of(w: &[f32], quantized: &Additive, hessian: &Matrix) -> Result<f64> {
    energy(&quantized.errors(w), hessian)
}

/// Σ eᵀHe.
fn energy(errors: &[f32], hessian: &Matrix) -> Result<f64> {
    let products = hessian.matmul(errors)?;
    let terms = errors.iter().zip(&products);
    Ok(terms.map(|(e, u)| *e as f64 * *u as f64).sum())
}

/// The best scale of each row: with v the sum of its entries, s = wᵀHv / vᵀHv.
fn rescale(w: &[f32], quantized: &mut Additive, hessian: &Matrix) -> Result<()> {
    let sums = quantized.unscaled(&quantized.codebooks);
    let products = hessian.matmul(&sums)?;
    let k = quantized.k;
    parallel::chunks(
        &mut quantized.scales,
        1,
        || (),
        |row, scale, ()| {
            let row = row * k..(row + 1) * k;
            let (mut upper, mut lower) = (0f64, 0f64);
            for ((w, v), u) in w[row.clone()].iter().zip(&sums[row.clone()]).zip(&products[row]) {
                upper += *w as f64 * *u as f64;
                lower += *v as f64 * *u as f64;
            }
            let best = (upper / lower) as f32;
            // A row whose inputs or entries are all 0 keeps its scale.
            if lower > 0.0 && best.is_normal() {
                scale[0] = best;
            }
        },
    );
    Ok(())
}

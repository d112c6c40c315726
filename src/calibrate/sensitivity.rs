//! The sensitivity of a layer to a format: the error of its outputs on calibration data or, where gradients are
//! available, the trace of the loss's Hessian times the error of the weights (HAWQ-V2).

use super::allocate::Choice;
use crate::matrix::length;
use crate::quantize::hessian::Hessian;
use crate::quantize::tiles::{TileRows, dots_f64};
use crate::random::SplitMix64;
use crate::reserve::zeros;
use crate::simd;
use crate::{Dense, Error, Format, Matrix, Result, parallel};

/// The most columns of a matrix that is known only by its products. No model has that many weights in a layer.
const MOST: u64 = 1 << 32;

/// Rows of the weights that a task works on, and rows of H at a time.
const TASK: usize = 32;

/// The mean over the inputs of ‖(W - Ŵ) x‖², which is ½ tr((W - Ŵ) H (W - Ŵ)ᵀ) with the Hessian's factor of 2. `dense`
/// is W, `quantized` is Ŵ, `n` rows of `k` floats with columns in the order of the inputs ([`Matrix::dequantize`],
/// [`Linear::dequantize`](crate::Linear::dequantize)).
///
/// # Errors
/// [`Error::Length`] where the lengths differ, [`Error::Argument`] where the Hessian has another `k`.
pub fn output_error(dense: Dense, quantized: &[f32], hessian: &Hessian) -> Result<f64> {
    let (n, k) = (dense.n(), dense.k());
    check(k, hessian)?;
    if quantized.len() != n * k {
        return Err(length("quantized", n, k, "floats", n * k, quantized.len()));
    }
    Ok(error_under(&hessian.matrix(), k, dense.weights(), quantized))
}

/// The bytes and the output error of a layer in each of `formats`, as [`Matrix::quantize`] rounds it. `progress`
/// receives the share done, 0 to 1.
///
/// # Errors
/// Those of [`output_error`] and of [`Matrix::quantize`].
pub fn candidates(
    formats: &[Format],
    dense: Dense,
    hessian: &Hessian,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Vec<Choice>> {
    let (k, w) = (dense.k(), dense.weights());
    check(k, hessian)?;
    let h = hessian.matrix();
    let mut choices = Vec::new();
    for (i, &format) in formats.iter().enumerate() {
        progress(i as f32 / formats.len() as f32);
        let matrix = Matrix::quantize(format, dense)?;
        choices.push(Choice {
            format,
            bytes: matrix.bytes().len() as u64,
            error: error_under(&h, k, w, &matrix.dequantize()),
        });
    }
    progress(1.0);
    Ok(choices)
}

fn check(k: usize, hessian: &Hessian) -> Result<()> {
    if hessian.k() != k {
        return Err(Error::argument("k of the Hessian", &k.to_string(), hessian.k()));
    }
    Ok(())
}

fn error_under(h: &[f64], k: usize, w: &[f32], quantized: &[f32]) -> f64 {
    let level = simd::best();
    let mut errors = vec![0f64; w.len() / k];
    parallel::chunks(&mut errors, TASK, Vec::new, |task, errors, products| {
        let from = task * TASK * k;
        let range = from..from + errors.len() * k;
        let pairs = w[range.clone()].iter().zip(&quantized[range]);
        let delta: Vec<f64> = pairs.map(|(w, q)| *w as f64 - *q as f64).collect();
        let rows = |data, count| TileRows {
            data,
            stride: k,
            count,
            len: k,
        };
        for start in (0..k).step_by(TASK) {
            let width = TASK.min(k - start);
            products.resize(errors.len() * width, 0.0);
            dots_f64(
                level,
                rows(&delta, errors.len()),
                rows(&h[start * k..], width),
                products,
            );
            let each = errors.iter_mut().zip(delta.chunks(k)).zip(products.chunks(width));
            for ((error, delta), products) in each {
                for (delta, product) in delta[start..].iter().zip(products) {
                    *error += delta * product;
                }
            }
        }
    });
    // Summed in the order of rows, so that threads change nothing.
    0.5 * errors.iter().sum::<f64>()
}

/// An estimated trace and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Trace {
    /// The estimate.
    pub mean: f64,
    /// The standard error over the probes; infinite for one probe.
    pub standard_error: f64,
}

/// The trace of a symmetric matrix that is known only by its products, after M. F. Hutchinson, "A stochastic estimator
/// of the trace of the influence matrix", 1989: the mean of zᵀ H z over probes z of random signs. `product(z, y)`
/// writes H z to `y`, both of length `k`; for the Hessian of a loss that is the derivative of the gradient along z.
/// HAWQ-V2 takes 50 to 200 probes.
///
/// # Errors
/// [`Error::Argument`] where `k` or `probes` is 0, memory for two rows of k is not available or a product is not
/// finite; [`Error::TooLarge`] where k is over 2^32; the errors of `product`.
pub fn trace(
    k: usize,
    probes: usize,
    seed: u64,
    mut product: impl FnMut(&[f32], &mut [f32]) -> Result<()>,
) -> Result<Trace> {
    for (what, value) in [("k", k), ("probes", probes)] {
        if value == 0 {
            return Err(Error::argument(what, "at least 1", value));
        }
    }
    let mut random = SplitMix64::new(seed);
    let probe = || zeros::<f32>("a probe", k as u64, MOST);
    let (mut z, mut y) = (probe()?, probe()?);
    // The running mean and sum of squared distances from it, after Welford.
    let (mut mean, mut spread) = (0f64, 0f64);
    for probe in 0..probes {
        z.iter_mut().for_each(|z| *z = random.sign());
        y.fill(f32::NAN);
        product(&z, &mut y)?;
        let terms = z.iter().zip(&y);
        let sample: f64 = terms.map(|(&z, &y)| z as f64 * y as f64).sum();
        if !sample.is_finite() {
            return Err(Error::argument(
                "the product of the matrix and a probe",
                "finite",
                sample,
            ));
        }
        let before = sample - mean;
        mean += before / (probe + 1) as f64;
        spread += before * (sample - mean);
    }
    let standard_error = match probes {
        1 => f64::INFINITY,
        _ => (spread / (probes - 1) as f64 / probes as f64).sqrt(),
    };
    Ok(Trace { mean, standard_error })
}

/// Ω of one layer: tr(H) / parameters · ‖Ŵ - W‖² (Z. Dong et al., "HAWQ-V2: Hessian Aware trace-Weighted Quantization
/// of Neural Networks", 2019, arXiv 1911.03852). `trace` is that of the loss's Hessian with respect to this layer's
/// weights.
///
/// # Errors
/// [`Error::Length`] where `w` and `quantized` differ in length or are empty.
pub fn hawq(trace: f64, w: &[f32], quantized: &[f32]) -> Result<f64> {
    if w.is_empty() || w.len() != quantized.len() {
        let (n, k) = (1, w.len().max(1));
        return Err(length("quantized", n, k, "floats", k, quantized.len()));
    }
    let squares = w.iter().zip(quantized).map(|(&w, &q)| (w as f64 - q as f64).powi(2));
    Ok(trace / w.len() as f64 * squares.sum::<f64>())
}

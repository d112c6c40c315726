//! The search for the factors of input channels.

use super::metric::Metric;
use super::options::Awq;
use super::sample::{column_means, mean_squares, quantize, sample};
use crate::calibrate::smooth::fold_into_columns;
use crate::dense::{Dense, shared_k};
use crate::formats::encode::range::max_abs;
use crate::{Error, Format, Group, Result};

/// The tool's lower bound of w̄ and s.
const LEAST: f64 = 1e-4;

/// The best factors of the grid.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AwqScales {
    /// s: column j of the weights is multiplied and input j divided by factor j. The product of the least and the
    /// largest factor is 1.
    pub scales: Vec<f32>,
    /// r; `None` where no r was better than s = 1.
    pub ratio: Option<f32>,
    /// The mean squared error of an output with s over all layers, or the value of the caller's function.
    pub loss: f64,
    /// The same with s = 1, that is, without AWQ.
    pub plain_loss: f64,
}

impl Awq {
    /// The factors with the least output error of `layers`, which share an input, over `x`, rows of k unscaled inputs.
    ///
    /// The candidates are the tool's grid and s = 1, so that the result on `x` is never worse than without AWQ.
    ///
    /// # Errors
    /// Those of [`Matrix::quantize`](crate::Matrix::quantize); [`Error::Inputs`] and [`Error::Argument`] where
    /// `x` is not rows of k finite floats, or there are none, or layers do not share their k.
    pub fn search_scales(
        &self,
        format: Format,
        layers: &[Dense],
        x: &[f32],
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<AwqScales> {
        let k = shared_k(layers)?;
        sample(k, x)?;
        let n: usize = layers.iter().map(Dense::n).sum();
        let metric = Metric::new(k, x, n.saturating_mul(self.grid + 1))?;
        let mut loss = |rounded: &[Vec<f32>]| {
            let mut sum = 0.0;
            for (layer, rounded) in layers.iter().zip(rounded) {
                let pairs = rounded.iter().zip(layer.weights());
                let errors: Vec<f32> = pairs.map(|(q, w)| q - w).collect();
                sum += metric.losses(&errors)?.iter().sum::<f64>();
            }
            Ok(sum / n as f64)
        };
        self.search_scales_by(format, layers, x, &mut loss, progress)
    }

    /// Like [`search_scales`](Awq::search_scales), for the least `loss`. It receives the effective weights of each
    /// layer, `Q(W diag(s)) diag(s)⁻¹`, and returns the error of a whole block of the model, as the tool measures it
    /// for attention and gated units.
    ///
    /// # Errors
    /// Those of `search_scales` and of `loss`; [`Error::Argument`] where a loss is NaN.
    pub fn search_scales_by(
        &self,
        format: Format,
        layers: &[Dense],
        x: &[f32],
        loss: &mut dyn FnMut(&[Vec<f32>]) -> Result<f64>,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<AwqScales> {
        let k = shared_k(layers)?;
        sample(k, x)?;
        if self.grid == 0 {
            return Err(Error::argument("the grid of AWQ", "at least 1", "0"));
        }
        let importance = self.weighted.then(|| mean_squares(k, x));
        let mut loss_of = |scales: &[f32]| -> Result<f64> {
            let rounded = layers
                .iter()
                .map(|&layer| round(format, layer, scales, importance.as_deref()));
            let rounded: Vec<_> = rounded.collect::<Result<_>>()?;
            match loss(&rounded)? {
                loss if loss.is_nan() => Err(Error::argument("a loss", "not NaN", loss)),
                loss => Ok(loss),
            }
        };
        let steps = (self.grid + 1) as f32;
        let plain_loss = loss_of(&vec![1.0; k])?;
        progress(1.0 / steps);
        let mut best = AwqScales {
            scales: vec![1.0; k],
            ratio: None,
            loss: plain_loss,
            plain_loss,
        };
        let mean_x = column_means(k, x, f64::abs);
        let mean_w = self.duo_scaling.then(|| mean_weights(layers, k, format.group()));
        for i in 0..self.grid {
            let ratio = i as f64 / self.grid as f64;
            let scales = scales(&mean_x, mean_w.as_deref(), ratio);
            let loss = loss_of(&scales)?;
            if loss < best.loss {
                best = AwqScales {
                    scales,
                    ratio: Some(ratio as f32),
                    loss,
                    plain_loss,
                };
            }
            progress((i + 2) as f32 / steps);
        }
        Ok(best)
    }
}

/// s for one r.
fn scales(mean_x: &[f64], mean_w: Option<&[f64]>, ratio: f64) -> Vec<f32> {
    let of = |(j, x): (usize, &f64)| {
        let w = mean_w.map_or(1.0, |w| w[j].powf(1.0 - ratio) + LEAST);
        (x.powf(ratio) / w).max(LEAST)
    };
    let raw: Vec<f64> = mean_x.iter().enumerate().map(of).collect();
    let (lo, hi) = raw.iter().fold((f64::MAX, 0f64), |(lo, hi), &s| (lo.min(s), hi.max(s)));
    let norm = (lo * hi).sqrt();
    raw.iter().map(|s| (s / norm) as f32).collect()
}

/// w̄ of each column: the mean over all rows of the weight's magnitude relative to the largest of its group.
fn mean_weights(layers: &[Dense], k: usize, group: Group) -> Vec<f64> {
    let group = match group {
        Group::Len(len) => len,
        _ => k,
    };
    let mut sums = vec![0f64; k];
    let mut rows = 0;
    for row in layers.iter().flat_map(|layer| layer.weights().chunks(k)) {
        rows += 1;
        for (sums, weights) in sums.chunks_mut(group).zip(row.chunks(group)) {
            let largest = f64::from(max_abs(weights));
            for (sum, w) in sums.iter_mut().zip(weights) {
                // The tool's 1e-6, so that groups of zeros have a divisor.
                *sum += f64::from(w.abs()) / (largest + 1e-6);
            }
        }
    }
    sums.iter().map(|sum| sum / rows as f64).collect()
}

/// `Q(W diag(s)) diag(s)⁻¹`, the effective weights of a layer for unscaled inputs.
fn round(format: Format, layer: Dense, scales: &[f32], importance: Option<&[f32]>) -> Result<Vec<f32>> {
    let mut weights = layer.weights().to_vec();
    fold_into_columns(&mut weights, scales)?;
    // The importance falls with the square of the factor by which the input is divided.
    let importance: Option<Vec<f32>> = importance.map(|of| of.iter().zip(scales).map(|(v, s)| v / (s * s)).collect());
    let matrix = quantize(
        format,
        Dense::new(layer.n(), layer.k(), &weights)?,
        importance.as_deref(),
    )?;
    let mut rounded = matrix.dequantize();
    for row in rounded.chunks_mut(scales.len()) {
        row.iter_mut().zip(scales).for_each(|(w, s)| *w /= s);
    }
    Ok(rounded)
}

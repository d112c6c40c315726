//! Norms of hidden states.

use super::rows;
use crate::{Error, Result, parallel};

/// A norm of rows: RMS (`weight ∘ x / √(mean(x²) + eps)`), or over centred numbers (LayerNorm:
/// `weight ∘ (x - mean) / √(variance + eps) + bias`).
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
    centred: bool,
}

impl Norm {
    /// RMSNorm. Gemma's weights, which count from 1, are given with 1 added.
    ///
    /// # Errors
    /// [`Error::Empty`] without weights, [`Error::NotFinite`], [`Error::Argument`] for a negative eps.
    pub fn rms(weight: Vec<f32>, eps: f32) -> Result<Norm> {
        let bias = vec![0.0; weight.len()];
        Norm::new(weight, bias, eps, false)
    }

    /// LayerNorm.
    ///
    /// # Errors
    /// Those of `rms`; [`Error::Length`] where there are not as many biases as weights.
    pub fn layer(weight: Vec<f32>, bias: Vec<f32>, eps: f32) -> Result<Norm> {
        Norm::new(weight, bias, eps, true)
    }

    fn new(weight: Vec<f32>, bias: Vec<f32>, eps: f32, centred: bool) -> Result<Norm> {
        let k = weight.len();
        if k == 0 {
            return Err(Error::Empty { n: 1, k });
        }
        if bias.len() != k {
            return Err(Error::Length {
                what: "biases of a norm",
                shape: format!("[{k}]"),
                unit: "floats",
                expected: k,
                got: bias.len(),
            });
        }
        crate::matrix::finite("weight of a norm", &weight, k)?;
        crate::matrix::finite("bias of a norm", &bias, k)?;
        if !(eps >= 0.0 && eps.is_finite()) {
            return Err(Error::argument("eps of a norm", "finite, 0 or more", eps));
        }
        Ok(Norm {
            weight,
            bias,
            eps,
            centred,
        })
    }

    /// Numbers of a row.
    pub fn size(&self) -> usize {
        self.weight.len()
    }

    /// Normalizes rows. Sums are f64.
    ///
    /// # Errors
    /// [`Error::Inputs`] where x is not whole rows.
    pub fn apply(&self, x: &[f32]) -> Result<Vec<f32>> {
        let size = self.size();
        let _ = rows(x, size)?;
        let mut y = x.to_vec();
        parallel::chunks(&mut y, size, || (), |_, row, _| self.row(row));
        Ok(y)
    }

    fn row(&self, x: &mut [f32]) {
        let count = x.len() as f64;
        let mean = match self.centred {
            true => x.iter().map(|x| f64::from(*x)).sum::<f64>() / count,
            false => 0.0,
        };
        let squares: f64 = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
        let inverse = 1.0 / (squares / count + f64::from(self.eps)).sqrt();
        for ((x, weight), bias) in x.iter_mut().zip(&self.weight).zip(&self.bias) {
            *x = ((f64::from(*x) - mean) * inverse * f64::from(*weight) + f64::from(*bias)) as f32;
        }
    }

    pub(crate) fn is_centred(&self) -> bool {
        self.centred
    }

    pub(crate) fn eps(&self) -> f32 {
        self.eps
    }

    /// Weight and bias of each number.
    pub(crate) fn pairs(&self) -> Vec<[f32; 2]> {
        self.weight.iter().zip(&self.bias).map(|(w, b)| [*w, *b]).collect()
    }
}

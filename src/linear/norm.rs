//! The RMS norm of inputs that some layers start with.

use super::checks::{finite, length, part};
use crate::Result;

/// An RMS norm of the inputs: `x → weight ∘ (x / sqrt(mean(x²) + eps))`, as Llama's (and transformers' BitNet).
#[derive(Clone, Debug, PartialEq)]
pub struct RmsNorm {
    /// One number for each of the `k` inputs.
    pub weight: Vec<f32>,
    /// Added to the mean of the squares; not negative.
    pub eps: f32,
}

impl RmsNorm {
    pub(super) fn check(&self, k: usize) -> Result<()> {
        length("norm weights", k, self.weight.len())?;
        finite("norm weights", &self.weight)?;
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(part("norm", "its eps", "finite and not negative", self.eps));
        }
        Ok(())
    }

    /// Normalizes one row of inputs. All steps are f32, including squares that overflow, except the sum: in f64 its order
    /// does not matter, and it is within the differences between f32 sums of any order.
    pub(super) fn apply(&self, x: &mut [f32]) {
        let squares = x.iter().map(|&x| f64::from(x * x));
        let mean = squares.sum::<f64>() as f32 / x.len() as f32;
        let inverse = 1.0 / (mean + self.eps).sqrt();
        for (x, weight) in x.iter_mut().zip(&self.weight) {
            *x = weight * (*x * inverse);
        }
    }
}

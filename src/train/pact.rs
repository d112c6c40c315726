//! PACT: activations clipped at a learned value, then rounded.
//!
//! Choi, Wang, Venkataramani, Chuang, Srinivasan and Gopalakrishnan, "PACT: Parameterized Clipping Activation for
//! Quantized Neural Networks", 2018, arXiv 1805.06085. It replaces a ReLU:
//! y = ½ (|x| − |x − α| + α) = clamp(x, 0, α), and in k bits round(y · (2^k − 1) / α) · α / (2^k − 1).

use super::{positive, same_length};
use crate::setters::setters;
use crate::{Error, Result, parallel};

/// The clipping value and its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pact {
    /// α, above 0, in the units of x. It starts above its final value, and the penalty lowers it.
    pub alpha: f32,
    /// k, the bits of an activation, 1 to 16.
    pub bits: u32,
    /// λ of the penalty λ · α², at least 0. The paper takes the λ of the weights.
    pub lambda: f32,
}

setters!(Pact { with_alpha: alpha: f32, with_bits: bits: u32, with_lambda: lambda: f32 });

impl Default for Pact {
    /// α = 10, 4 bits and λ = 2e-4, common values for CIFAR10 (other initial α are 6 to 10).
    fn default() -> Self {
        Pact {
            alpha: 10.0,
            bits: 4,
            lambda: 2e-4,
        }
    }
}

/// The gradients that [`Pact::backward`] returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PactGradients {
    /// For each input.
    pub x: Vec<f32>,
    /// For α, without the penalty.
    pub alpha: f32,
}

/// Inputs of a task.
const CHUNK: usize = 4096;

impl Pact {
    /// The activations, clipped and rounded. NaN stays NaN.
    ///
    /// # Errors
    /// [`Error::Argument`] where α, bits or λ is out of its range.
    pub fn forward(&self, x: &[f32]) -> Result<Vec<f32>> {
        self.check()?;
        let step = self.step();
        let mut y = x.to_vec();
        parallel::chunks(
            &mut y,
            CHUNK,
            || (),
            |_, y, ()| {
                for y in y {
                    *y = (y.clamp(0.0, self.alpha) / step).round_ties_even() * step;
                }
            },
        );
        Ok(y)
    }

    /// The gradients, from the gradient `dy` for the activations. With the straight-through estimator they are those of
    /// the clipping: ∂y/∂x = 1 for 0 < x < α, else 0; ∂y/∂α = 1 for x ≥ α, else 0.
    ///
    /// # Errors
    /// [`Error::Argument`] where α, bits or λ is out of its range, [`Error::Length`] where `dy` is not as long as `x`.
    pub fn backward(&self, x: &[f32], dy: &[f32]) -> Result<PactGradients> {
        self.check()?;
        same_length("dy", x.len(), dy.len())?;
        let mut to_x = dy.to_vec();
        parallel::chunks(
            &mut to_x,
            CHUNK,
            || (),
            |c, to_x, ()| {
                for (to_x, &x) in to_x.iter_mut().zip(&x[c * CHUNK..]) {
                    if !(x > 0.0 && x < self.alpha) {
                        *to_x = 0.0;
                    }
                }
            },
        );
        let clipped = x.iter().zip(dy).filter(|(x, _)| **x >= self.alpha);
        let alpha: f64 = clipped.map(|(_, &dy)| f64::from(dy)).sum();
        Ok(PactGradients {
            x: to_x,
            alpha: alpha as f32,
        })
    }

    /// λ · α², to add to the loss, and its derivative 2 · λ · α, to add to the gradient of α.
    pub fn penalty(&self) -> (f32, f32) {
        let slope = self.lambda * self.alpha;
        (slope * self.alpha, 2.0 * slope)
    }

    /// The difference of two adjacent activations, α / (2^k − 1).
    pub fn step(&self) -> f32 {
        self.alpha / ((1u32 << self.bits.min(16)) - 1) as f32
    }

    fn check(&self) -> Result<()> {
        positive("alpha", self.alpha)?;
        if !(1..=16).contains(&self.bits) {
            return Err(Error::argument("bits", "1 to 16", self.bits));
        }
        if !(self.lambda >= 0.0 && self.lambda.is_finite()) {
            return Err(Error::argument("lambda", "finite and at least 0", self.lambda));
        }
        Ok(())
    }
}

//! The options of HQQ.

use crate::setters::setters;
use crate::{Error, Result};

/// The loop of the tool that is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Solver {
    /// `optimize_weights_proximal_legacy`, the tool's default: β is constant, and the result is the last zero points,
    /// from the iteration in which the error did not fall.
    Legacy,
    /// `optimize_weights_proximal_v2`: β is multiplied by κ in each iteration, and the result is the zero points before
    /// the iteration in which the error did not fall.
    V2,
}

/// Half-quadratic quantization.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Hqq {
    /// p, above 0 and at most 1.
    pub lp_norm: f64,
    /// β; a larger value assigns more of the error to E.
    pub beta: f64,
    /// κ, the factor of β after each iteration, at least 1. Only [`Solver::V2`] uses it.
    pub kappa: f64,
    /// The most iterations.
    pub iterations: usize,
    /// Stops when the error does not fall.
    pub early_stop: bool,
    /// The loop of the tool.
    pub solver: Solver,
    /// Groups whose weights span at most this range have s = 1.
    pub least_range: f64,
    /// The upper bound of s, which prevents an overflow in f16.
    pub most_inverse_scale: f64,
}

setters!(Hqq {
    with_lp_norm: lp_norm: f64,
    with_beta: beta: f64,
    with_kappa: kappa: f64,
    with_iterations: iterations: usize,
    with_early_stop: early_stop: bool,
    with_solver: solver: Solver,
    with_least_range: least_range: f64,
    with_most_inverse_scale: most_inverse_scale: f64,
});

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

impl Hqq {
    pub(super) fn check(&self) -> Result<()> {
        let bounds = [
            (
                "the p of HQQ",
                "above 0 and at most 1",
                self.lp_norm,
                self.lp_norm > 0.0 && self.lp_norm <= 1.0,
            ),
            ("the beta of HQQ", "positive", self.beta, self.beta > 0.0),
            ("the kappa of HQQ", "at least 1", self.kappa, self.kappa >= 1.0),
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
        match bounds.into_iter().find(|&(.., got, fits)| !(fits && got.is_finite())) {
            None => Ok(()),
            Some((what, allowed, got, _)) => Err(Error::argument(what, allowed, got)),
        }
    }
}

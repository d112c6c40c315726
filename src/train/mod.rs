//! Quantization-aware training: forward functions and their gradients.
//!
//! All functions work on slices and keep no state; the caller owns the parameters (weights, steps, clipping values) and
//! the optimizer. Rounding has a derivative of 0 almost everywhere, so each method defines a substitute (the
//! straight-through estimator of Bengio, Léonard and Courville, 2013, arXiv 1308.3432, takes 1). `examples/qat` trains
//! with them and exports the result as packed matrices.

pub mod bitnet;
pub mod distill;
pub mod fake;
pub mod gradual;
mod groups;
pub mod lsq;
pub mod pact;

use crate::{Error, Result};

/// [`Error::Length`] where two slices that belong together differ in length.
fn same_length(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected != got {
        return Err(Error::Length {
            what,
            shape: format!("[{expected}]"),
            unit: "floats",
            expected,
            got,
        });
    }
    Ok(())
}

/// [`Error::Argument`] where a number is not finite or not above 0.
fn positive(what: &'static str, value: f32) -> Result<()> {
    if !(value > 0.0 && value.is_finite()) {
        return Err(Error::argument(what, "finite and above 0", value));
    }
    Ok(())
}

/// [`positive`] for each scale of a slice.
fn all_positive(what: &'static str, values: &[f32]) -> Result<()> {
    values.iter().try_for_each(|&v| positive(what, v))
}

//! `Dense`: an f32 weight matrix, the input of quantizers.

use crate::matrix::{finite, length};
use crate::{Error, Result};

/// A weight matrix before it is quantized: `n` rows (outputs) of `k` finite floats (inputs), row by row.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    n: usize,
    k: usize,
    weights: &'a [f32],
}

impl<'a> Dense<'a> {
    /// Takes `weights`, `n` rows of `k` floats.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Length`] if the shape does not fit, [`Error::NotFinite`] if a
    /// weight is not finite.
    pub fn new(n: usize, k: usize, weights: &'a [f32]) -> Result<Self> {
        if n == 0 || k == 0 {
            return Err(Error::Empty { n, k });
        }
        let expected = n.saturating_mul(k);
        if weights.len() != expected {
            return Err(length("weights", n, k, "floats", expected, weights.len()));
        }
        finite("weight", weights, k)?;
        Ok(Dense { n, k, weights })
    }

    /// Outputs.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// `n` rows of `k` floats.
    pub fn weights(&self) -> &'a [f32] {
        self.weights
    }
}

/// The number of inputs, which must be the same for all layers.
pub(crate) fn shared_k(layers: &[Dense]) -> Result<usize> {
    let Some(first) = layers.first() else {
        return Err(Error::argument(
            "the number of layers that share an input",
            "at least 1",
            "0",
        ));
    };
    match layers.iter().find(|layer| layer.k != first.k) {
        None => Ok(first.k),
        Some(other) => Err(Error::Argument {
            what: "k of layers that share an input",
            allowed: format!("{} for all, as the first has it", first.k),
            got: other.k.to_string(),
        }),
    }
}

/// The number of rows of `k` floats in `x`. Rows must be whole and all floats finite.
pub(crate) fn inputs(k: usize, x: &[f32]) -> Result<usize> {
    if k == 0 || !x.len().is_multiple_of(k) {
        return Err(Error::Inputs { k, got: x.len() });
    }
    match x.iter().position(|x| !x.is_finite()) {
        None => Ok(x.len() / k),
        Some(at) => Err(Error::argument(
            "an input",
            "finite",
            format!("{} at row {}, column {}", x[at], at / k, at % k),
        )),
    }
}

//! A tensor of a file in memory: its entry and its bytes.

use super::TensorEntry;
use super::scale::Scale;
use crate::{Linear, Matrix, Result};
use std::fmt;
use std::ops::Deref;

/// A tensor of a file in memory: what its [entry](TensorEntry) says, and its bytes.
#[derive(Clone, PartialEq)]
pub struct TensorInfo<'a> {
    pub(super) entry: TensorEntry<'a>,
    pub(super) data: &'a [u8],
    pub(super) scale: Option<Scale<'a>>,
}

/// Without the data, which may be gigabytes.
impl fmt::Debug for TensorInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl<'a> Deref for TensorInfo<'a> {
    type Target = TensorEntry<'a>;

    fn deref(&self) -> &TensorEntry<'a> {
        &self.entry
    }
}

impl<'a> TensorInfo<'a> {
    /// The tensor's bytes, without padding.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The tensor as a matrix over the file's own bytes: k is its first dimension, n the product of
    /// the others (1 if there are none), so that experts lie one after the other.
    ///
    /// # Errors
    /// [`Error::TensorType`](crate::Error::TensorType) where lowbit has no format for its type,
    /// [`Error::BadScale`](crate::Error::BadScale) where a scale, or a weight that is a float itself, is
    /// not finite. [`Error::Scaled`](crate::Error::Scaled) where the weights have [`factors`](Self::factors)
    /// other than 1, which a matrix has no place for: take the layer's `linear`, or
    /// [`packed`](Self::packed) and the factors.
    pub fn matrix(&self) -> Result<Matrix<'a>> {
        self.entry.check_unscaled(self.scale.as_ref())?;
        self.packed()
    }

    /// As [`matrix`](Self::matrix), of the packed weights alone: what they are multiplied by is
    /// left to the caller.
    ///
    /// # Errors
    /// `Error::TensorType` and `Error::BadScale`, as for `matrix`.
    pub fn packed(&self) -> Result<Matrix<'a>> {
        self.entry.packed(self.data)
    }

    /// What llama.cpp multiplies by the products with the weights `X.weight`: the numbers in `X.scale`,
    /// one for all or one for each matrix of a stack of experts; none where the file has none.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) where there are more or fewer, or one is not finite;
    /// [`Error::TensorType`](crate::Error::TensorType) where they are packed themselves.
    pub fn factors(&self) -> Result<Option<Vec<f32>>> {
        self.scale.as_ref().map(|s| self.entry.factors(s)).transpose()
    }

    /// The layer of these weights, with its bias.
    pub(super) fn linear(&self, bias: Option<&TensorInfo>) -> Result<Linear> {
        let matrix = self.packed()?.into_owned();
        let bias = bias.map(|bias| (&bias.entry, bias.data));
        self.entry.layer(matrix, self.scale.as_ref(), bias)
    }

    /// The tensor's numbers, in the order of the file: rows of `dims()[0]`. Plain types are converted,
    /// rounding to f32 where they hold more; packed ones are decoded on the CPU. Weights are multiplied
    /// by their [`factors`](Self::factors).
    ///
    /// # Errors
    /// [`Error::TensorType`](crate::Error::TensorType) where lowbit does not decode its type, and those
    /// of `factors`.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        self.entry.scaled_floats(self.data, self.scale.as_ref())
    }
}

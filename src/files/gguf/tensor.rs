//! A tensor of a file in memory.

use super::entry::TensorEntry;
use super::factors::Factors;
use crate::{Linear, Matrix, Result};
use std::fmt;
use std::ops::Deref;

/// A tensor of a file in memory: its [entry](TensorEntry), which it dereferences to, and its bytes.
#[derive(Clone, PartialEq)]
pub struct TensorView<'a> {
    pub(super) entry: TensorEntry<'a>,
    pub(super) data: &'a [u8],
    pub(super) scale: Option<Factors<'a>>,
}

/// Without the data, which can take gigabytes.
impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl<'a> Deref for TensorView<'a> {
    type Target = TensorEntry<'a>;

    fn deref(&self) -> &TensorEntry<'a> {
        &self.entry
    }
}

impl<'a> TensorView<'a> {
    /// The tensor's bytes, without padding.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The tensor as a matrix that borrows the file's bytes. k is the first dimension, n the product of the others (1 if
    /// there are none), so that stacked experts lie one after the other.
    ///
    /// # Errors
    /// [`Error::TensorType`](crate::Error::TensorType) if lowbit has no format for the type,
    /// [`Error::BadScale`](crate::Error::BadScale) if a scale or a float weight is NaN or infinite,
    /// [`Error::Scaled`](crate::Error::Scaled) if the weights have [`factors`](Self::factors) other than 1, which a
    /// matrix does not hold: use the file's `linear`, or [`packed`](Self::packed) and the factors.
    pub fn matrix(&self) -> Result<Matrix<'a>> {
        self.entry.check_unscaled(self.scale.as_ref())?;
        self.packed()
    }

    /// Like [`matrix`](Self::matrix), without regard to factors, which are left to the caller.
    ///
    /// # Errors
    /// `Error::TensorType` and `Error::BadScale`, as for `matrix`.
    pub fn packed(&self) -> Result<Matrix<'a>> {
        self.entry.packed(self.data)
    }

    /// The factors by which llama.cpp multiplies products with the weights `X.weight`: the numbers in `X.scale`, one, or
    /// one for each matrix of stacked experts. `None` if the file has no such tensor.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if their number does not fit or one is NaN or infinite,
    /// [`Error::TensorType`](crate::Error::TensorType) if they are packed.
    pub fn factors(&self) -> Result<Option<Vec<f32>>> {
        self.scale.as_ref().map(|s| self.entry.factors(s)).transpose()
    }

    /// The tensor as the factors of other weights.
    pub(super) fn as_factors(&self) -> Factors<'a> {
        Factors {
            type_id: self.type_id(),
            data: self.data,
        }
    }

    /// The layer of these weights, with its bias.
    pub(super) fn linear(&self, bias: Option<&TensorView>) -> Result<Linear> {
        let matrix = self.packed()?.into_owned();
        let bias = bias.map(|bias| (&bias.entry, bias.data));
        self.entry.layer(matrix, self.scale.as_ref(), bias)
    }

    /// The tensor's numbers in the order of the file, in rows of `dims()[0]`. Plain types are converted, with rounding
    /// if f32 holds fewer bits; packed types are decoded on the CPU. Weights are multiplied by their
    /// [`factors`](Self::factors).
    ///
    /// # Errors
    /// [`Error::TensorType`](crate::Error::TensorType) if lowbit does not decode the type, and the errors of `factors`.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        self.entry.scaled_floats(self.data, self.scale.as_ref())
    }
}

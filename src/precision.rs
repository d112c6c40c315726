//! The precision of products.

use std::fmt;

/// The lowest precision that a product may round its inputs to, for speed. A kernel never rounds more and may round less.
/// Weights are decoded exactly, and sums are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Precision {
    /// Only the f32 sums are rounded.
    #[default]
    F32,
    /// Inputs and weights may be rounded to f16 before they are multiplied. Magnitudes over 65 504 become infinite and
    /// those under 2^-25 become 0; between 2^-25 and 2^-14 bits are lost, and some devices flush these to 0. Use it for
    /// layers whose inputs and weights have moderate magnitudes.
    F16,
    /// Inputs may be rounded to 8-bit integers, for formats with integer codes. Every device rounds alike.
    ///
    /// By default each run of 32 inputs of a row shares a scale (see [`InputScale`](crate::InputScale) for others). With
    /// `a` the largest magnitude of the run, the scale is `a · (1 / 127)` in f32 and the codes are `x · (127 / a)`,
    /// rounded to nearest, ties to even, within ±127. If the scale would be subnormal, it and the codes are 0. If `a` is
    /// infinite or NaN, products with the run are NaN.
    I8,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Precision::F32 => "F32",
            Precision::F16 => "F16",
            Precision::I8 => "I8",
        })
    }
}

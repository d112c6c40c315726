//! What a product may round.

use std::fmt;

/// What a product may round its inputs to, for speed. Weights are always decoded exactly, and sums
/// are always in f32: a kernel never rounds more than this says, and may round less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Precision {
    /// Nothing is rounded but the f32 sums.
    #[default]
    F32,
    /// Inputs and weights may be rounded to f16 before they are multiplied. What is beyond its range (65 504)
    /// becomes infinite, what is under it (2^-25) becomes 0, and between that and 2^-14 fewer bits
    /// are left, which some devices take as 0: for layers whose inputs and weights are of ordinary size.
    F16,
    /// Inputs may be rounded to 8-bit integers, with a scale for each run of 32 unless another
    /// [`InputScale`](crate::InputScale) is asked for.
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

//! Weights that are not quantized.

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::check_shape;
use crate::linear::part;
use crate::{Format, Linear, Matrix, Result, ScaleType};

/// One layer of plain floats: `F32`, `F16` or `BF16`, exact.
#[derive(Clone, Copy, Debug)]
pub struct FloatsLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// `[n, k]`
    pub weight: FloatSlice<'a>,
}

impl FloatsLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or the type is not f32, f16 or bf16. NaN and
    /// infinite weights are accepted; [`Matrix::validate`] finds them.
    pub fn linear(&self) -> Result<Linear> {
        let &FloatsLayout { n, k, weight } = self;
        check_shape(n, k)?;
        let format = match weight.kind() {
            ScaleType::F32 => Format::F32,
            ScaleType::F16 => Format::F16,
            ScaleType::BF16 => Format::BF16,
            kind => return Err(part("weight", "its type", "f32, f16 or bf16", kind)),
        };
        let expected = size(&[n, k, weight.kind().bytes()]);
        bytes("weight", expected, weight.bytes())?;
        let matrix = Matrix::from_bytes(format, n, k, weight.bytes().to_vec())?;
        Ok(Linear::new(matrix))
    }
}

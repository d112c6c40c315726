//! BitNet b1.58 as transformers packs it: ternary weights, four rows in a byte.

use super::fields::{bytes, size};
use super::groups::{build, check_shape, multiple};
use crate::{Format, Linear, OutputScale, Result};
use half::f16;

/// One packed BitNet layer: weights -1, 0, 1 under one scale.
///
/// Becomes `TERNARY` with whole rows and scales of 1, and an output scale: exact. The direction of the
/// scale is the checkpoint's: `linear_class` `bitlinear` (the default) divides by `weight_scale`,
/// `autobitlinear` multiplies by it.
#[derive(Clone, Copy, Debug)]
pub struct BitNet<'a> {
    /// Outputs: a multiple of 4.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// u8 `[n / 4, k]`: bits 2i and 2i + 1 of row r are one more than the weight of row `r + i · n / 4`.
    pub packed: &'a [u8],
    /// `weight_scale`, and which way it goes.
    pub scale: OutputScale,
}

impl BitNet<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) where lengths do not fit the shape or the scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &BitNet { n, k, .. } = self;
        check_shape(n, k)?;
        multiple("weight", "outputs", 4, n)?;
        bytes("weight", size(&[n / 4, k]), self.packed)?;
        let fields = |row: usize, out: &mut [u8]| {
            let packed = &self.packed[row % (n / 4) * k..];
            for (out, byte) in out.iter_mut().zip(packed) {
                *out = (byte >> (2 * (row / (n / 4)))) & 3;
            }
        };
        let format = Format::TERNARY.per_row()?;
        let matrix = build(format, 2, n, k, fields, |_, _, out| {
            out.copy_from_slice(&f16::ONE.to_le_bytes());
        })?;
        Linear::new(matrix).with_scale(self.scale)
    }
}

//! FP8 checkpoints: DeepSeek's blocks, fbgemm's rows, and the `float-quantized` of compressed-tensors.

use super::fields::{bytes, size};
use super::groups::{check_shape, grouped, interleave};
use super::{Element, FloatSlice};
use crate::linear::part;
use crate::{Linear, Result};

/// One layer of 8-bit floats: weight = `element · scale`.
///
/// Becomes `FP8_E4M3` or `FP8_E5M2` with scales in the checkpoint's type, repeated for rows that share one: exact.
/// Despite its name, DeepSeek's `weight_scale_inv` is a scale that weights are multiplied by.
#[derive(Clone, Copy, Debug)]
pub struct Fp8Layout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// E4M3 or E5M2.
    pub element: Element,
    /// Rows and columns of weights that share a scale: `(n, k)` for one scale of the tensor, `(1, k)` for one scale
    /// of each output, `(128, 128)` for DeepSeek's blocks.
    pub block: (usize, usize),
    /// `[n, k]`, a byte each.
    pub weight: &'a [u8],
    /// `[n / block rows, k / block columns]`, both rounded up.
    pub scales: FloatSlice<'a>,
}

impl Fp8Layout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite,
    /// [`Error::Group`](crate::Error::Group) if the width of blocks is not a multiple of 8.
    pub fn linear(&self) -> Result<Linear> {
        let &Fp8Layout {
            n,
            k,
            element,
            block: (rows, columns),
            ..
        } = self;
        check_shape(n, k)?;
        if element.bits() != 8 {
            return Err(part("weight", "the bits of its elements", 8, element.bits()));
        }
        bytes("weight", size(&[n, k]), self.weight)?;
        if rows == 0 || columns == 0 {
            return Err(part(
                "weight",
                "its block",
                "at least 1 by 1",
                format!("{rows} by {columns}"),
            ));
        }
        let groups = k.div_ceil(columns);
        self.scales.check("weight_scale", size(&[n.div_ceil(rows), groups]))?;
        let format = element.format().with_scale(self.scales.kind())?;
        let format = grouped(format, columns, k)?;
        let matrix = interleave(format, n, k, self.weight, |row, g, out| {
            out.copy_from_slice(self.scales.raw(row / rows * groups + g));
        })?;
        Ok(Linear::new(matrix))
    }
}

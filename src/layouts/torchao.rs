//! torchao: 4 bits with a float zero point. Its 8-bit integers are [`IntQuantizedLayout`](super::IntQuantizedLayout), its floats
//! [`Fp8Layout`](super::Fp8Layout) and [`MicroscaledLayout`](super::MicroscaledLayout).

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::{biased, build, check_shape, group_len, grouped, put};
use crate::{Group, Linear, Result, ScaleType};

/// One layer of `Int4Tensor` (packing `plain`): weight = `scale · code + zero`.
///
/// Becomes `INT4_BIAS` with f32 scales and the f32 bias `zero - 8 · scale`, since fields count from 0. Weights are within
/// a rounding of f32.
#[derive(Clone, Copy, Debug)]
pub struct TorchAoInt4Layout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs: an even number.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: Group,
    /// `qdata`, u8 `[n, k / 2]`: codes from -8 to 7, the first in the low nibble.
    pub packed: &'a [u8],
    /// `scale`, `[groups, n]`
    pub scales: FloatSlice<'a>,
    /// `zero_point`, `[groups, n]`: the weight of code 0.
    pub zeros: FloatSlice<'a>,
}

impl TorchAoInt4Layout<'_> {
    /// The layer, without a bias and input scales.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &TorchAoInt4Layout { n, k, .. } = self;
        check_shape(n, k)?;
        let row_bytes = k.div_ceil(2);
        bytes("qdata", size(&[n, row_bytes]), self.packed)?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        self.scales.check("scale", size(&[groups, n]))?;
        self.zeros.check("zero_point", size(&[groups, n]))?;
        let format = grouped(biased(4).with_scale(ScaleType::F32)?, group, k)?;
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                let byte = self.packed[row * row_bytes + j / 2];
                *out = (byte >> (4 * (j % 2)) & 15) ^ 8;
            }
        };
        let matrix = build(format, 4, n, k, fields, |row, g, out| {
            let (scale, zero) = (self.scales.at(g * n + row), self.zeros.at(g * n + row));
            let (first, second) = out.split_at_mut(4);
            put(ScaleType::F32, scale, first);
            put(ScaleType::F32, zero - 8.0 * scale, second);
        })?;
        Ok(Linear::new(matrix))
    }
}

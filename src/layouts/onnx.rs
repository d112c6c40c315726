//! `MatMulNBits`, an operator of ONNX Runtime: 2, 4 or 8 bits.

use super::FloatSlice;
use super::fields::{bytes, check_bits, size};
use super::groups::{Integers, check_shape, multiple, pair_kind};
use crate::formats::bits::field_of;
use crate::linear::part;
use crate::{Linear, Result};

/// The zero points of a [`MatMulNBitsLayout`].
#[derive(Clone, Copy, Debug)]
pub enum ZeroPoints<'a> {
    /// Absent: all are `2^(bits - 1)`.
    Middle,
    /// u8 `[n, groups · bits / 8]`: each row a stream of fields, padded to whole bytes.
    Packed(&'a [u8]),
    /// `[n, groups]`, in the type of the scales; they can be fractional.
    Floats(FloatSlice<'a>),
}

/// The constant inputs of one `MatMulNBits`: weight = `scale · (field - zero)`.
///
/// Becomes an integer format with scales in the model's type, symmetric if all zero points are in the middle: exact.
#[derive(Clone, Copy, Debug)]
pub struct MatMulNBitsLayout<'a> {
    /// Outputs (`N`).
    pub n: usize,
    /// Inputs (`K`).
    pub k: usize,
    /// 2, 4 or 8.
    pub bits: usize,
    /// Inputs that share a scale (`block_size`): 16 or more.
    pub group: usize,
    /// `B`: u8 `[n, groups, group · bits / 8]`, with the last group of a row padded.
    pub packed: &'a [u8],
    /// `[n, groups]`
    pub scales: FloatSlice<'a>,
    /// `zero_points`
    pub zero_points: ZeroPoints<'a>,
}

impl MatMulNBitsLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &MatMulNBitsLayout { n, k, bits, group, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[2, 4, 8])?;
        if group == 0 {
            return Err(part("B", "block_size", "a multiple of 8", group));
        }
        multiple("B", "block_size", 8, group)?;
        let groups = k.div_ceil(group);
        let stride = size(&[groups, group / 8, bits]);
        let zero_bytes = size(&[groups, bits]).div_ceil(8);
        bytes("B", size(&[n, stride]), self.packed)?;
        self.scales.check("scales", size(&[n, groups]))?;
        match self.zero_points {
            ZeroPoints::Middle => {}
            ZeroPoints::Packed(zeros) => bytes("zero_points", size(&[n, zero_bytes]), zeros)?,
            ZeroPoints::Floats(zeros) => zeros.check("zero_points", size(&[n, groups]))?,
        }
        let zero = |row: usize, g: usize| match self.zero_points {
            ZeroPoints::Middle => (1u32 << (bits - 1)) as f32,
            ZeroPoints::Packed(zeros) => field_of(&zeros[row * zero_bytes..], bits, g) as f32,
            ZeroPoints::Floats(zeros) => zeros.at(row * groups + g),
        };
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                *out = field_of(&self.packed[row * stride..], bits, j);
            }
        };
        let kind = pair_kind(self.scales.kind());
        let integers = Integers {
            n,
            k,
            bits,
            group,
            kind,
        };
        let scale = |row: usize, g: usize| self.scales.at(row * groups + g);
        Ok(Linear::new(integers.matrix(fields, scale, zero)?))
    }
}

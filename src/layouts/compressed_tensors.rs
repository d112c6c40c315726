//! compressed-tensors (llm-compressor, vLLM): integers, packed or one in a byte.
//!
//! Its floats are [`Fp8Layout`](super::Fp8Layout) and [`MicroscaledLayout`](super::MicroscaledLayout).

use super::fields::{bytes, check_bits, padded_field, size};
use super::groups::{Integers, check_shape, group_len, pair_kind};
use super::{FloatSlice, order};
use crate::formats::bits::field_of;
use crate::linear::part;
use crate::{Group, Linear, Result};

/// The scale of each group of each row, from one scale for the tensor, or one for each row or group.
fn scale_at(scales: &FloatSlice, n: usize, groups: usize) -> Result<impl Fn(usize, usize) -> f32 + Sync + Send> {
    // A single number is the scale of one row, or of the whole tensor.
    let single = groups == 1 && scales.len() == 1;
    scales.check("weight_scale", if single { 1 } else { size(&[n, groups]) })?;
    // Decoded once, since rows read it many times.
    let values = scales.to_vec();
    Ok(
        move |row: usize, g: usize| {
            if single { values[0] } else { values[row * groups + g] }
        },
    )
}

/// One layer of `pack-quantized`: 1 to 8 bits, weight = `scale · (field - zero)`.
///
/// Becomes an integer format of the same bits, symmetric without zero points, with scales in the checkpoint's type:
/// exact. Both packings are read: dense streams (0.18 and later) and words of whole fields (0.16 and earlier; the same
/// for 1, 2, 4 and 8 bits). The width of rows tells them apart; rows that are as wide in both count as dense.
#[derive(Clone, Copy, Debug)]
pub struct PackQuantizedLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs: the second number of `weight_shape`.
    pub k: usize,
    /// 1 to 8.
    pub bits: usize,
    /// Inputs that share a scale: [`Group::Row`] for the channel and tensor strategies.
    pub group: Group,
    /// `weight_packed`, i32: rows of fields, which are codes plus `2^(bits - 1)`.
    pub packed: &'a [u8],
    /// `weight_scale`: `[n, groups]`, or one for the tensor.
    pub scales: FloatSlice<'a>,
    /// `weight_zero_point`, i32: packed like the weights, but along the outputs, `[.., groups]`.
    pub zero_points: Option<&'a [u8]>,
    /// `weight_g_idx`, i32 `[k]`: the group of each input.
    pub g_idx: Option<&'a [u8]>,
}

impl PackQuantizedLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape, a scale is not finite, or the groups of
    /// `weight_g_idx` differ in length.
    pub fn linear(&self) -> Result<Linear> {
        let &PackQuantizedLayout { n, k, bits, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[1, 2, 3, 4, 5, 6, 7, 8])?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        let dense = |fields: usize| size(&[size(&[fields, bits]).div_ceil(32), 4]);
        let padded = |fields: usize| size(&[fields.div_ceil(32 / bits), 4]);
        let is_padded = self.packed.len() != size(&[n, dense(k)]) && self.packed.len() == size(&[n, padded(k)]);
        let stride = if is_padded { padded(k) } else { dense(k) };
        bytes("weight_packed", size(&[n, stride]), self.packed)?;
        if let Some(zeros) = self.zero_points {
            let down = if is_padded { padded(n) } else { dense(n) };
            bytes("weight_zero_point", size(&[down, groups]), zeros)?;
        }
        let scale = scale_at(&self.scales, n, groups)?;
        let order = order::by_group("weight_g_idx", self.g_idx, k, group)?;

        let column = |j: usize| order.as_ref().map_or(j, |order| order[j] as usize);
        let fields = |row: usize, out: &mut [u8]| {
            let packed = &self.packed[row * stride..][..stride];
            for (j, out) in out.iter_mut().enumerate() {
                *out = if is_padded {
                    padded_field(packed, bits, column(j))
                } else {
                    field_of(packed, bits, column(j))
                };
            }
        };
        // Codes and zero points are stored plus 2^(bits - 1).
        let middle = (1u32 << (bits - 1)) as f32;
        let per_word = 32 / bits;
        let zero = |row: usize, g: usize| match self.zero_points {
            None => middle,
            Some(zeros) if is_padded => {
                let word = &zeros[4 * (row / per_word * groups + g)..];
                padded_field(word, bits, row % per_word) as f32
            }
            Some(zeros) => super::fields::column_field(zeros, bits, row, g, groups) as f32,
        };
        let kind = pair_kind(self.scales.kind());
        let matrix = Integers {
            n,
            k,
            bits,
            group,
            kind,
        }
        .matrix(fields, scale, zero)?;
        match order {
            Some(order) => Linear::new(matrix).with_permutation(order),
            None => Ok(Linear::new(matrix)),
        }
    }
}

/// One layer of `int-quantized`: a signed byte for each weight, weight = `scale · (code - zero)`.
///
/// Becomes `INT8`, or `INT8_QZEROS` with zero points, with scales in the checkpoint's type: exact. Other tools round the
/// inputs of such layers to 8 bits; lowbit does not.
#[derive(Clone, Copy, Debug)]
pub struct IntQuantizedLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// Inputs that share a scale: [`Group::Row`] for the channel and tensor strategies.
    pub group: Group,
    /// i8 `[n, k]`
    pub weight: &'a [u8],
    /// `[n, groups]`, or one for the tensor.
    pub scales: FloatSlice<'a>,
    /// i8, one for each of `scales`.
    pub zero_points: Option<&'a [u8]>,
}

impl IntQuantizedLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &IntQuantizedLayout { n, k, .. } = self;
        check_shape(n, k)?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        bytes("weight", size(&[n, k]), self.weight)?;
        let scale = scale_at(&self.scales, n, groups)?;
        if let Some(zeros) = self.zero_points
            && zeros.len() != self.scales.len()
        {
            let expected = self.scales.len();
            return Err(part("weight_zero_point", "its bytes", expected, zeros.len()));
        }
        let zero = |row: usize, g: usize| match self.zero_points {
            None => 128.0,
            Some(&[zero]) => (zero as i8) as f32 + 128.0,
            Some(zeros) => (zeros[row * groups + g] as i8) as f32 + 128.0,
        };
        let fields = |row: usize, out: &mut [u8]| {
            for (out, code) in out.iter_mut().zip(&self.weight[row * k..]) {
                *out = code ^ 0x80;
            }
        };
        let kind = pair_kind(self.scales.kind());
        let integers = Integers {
            n,
            k,
            bits: 8,
            group,
            kind,
        };
        Ok(Linear::new(integers.matrix(fields, scale, zero)?))
    }
}

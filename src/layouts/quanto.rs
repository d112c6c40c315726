//! optimum-quanto: 2 and 4 bits with a shift, bytes, 8-bit floats.

use super::fields::{bytes, check_bits, size};
use super::groups::{biased, build, check_shape, flat_group, group_len, grouped, multiple, pair_kind, put};
use super::{Element, FloatSlice, Fp8Layout, IntQuantizedLayout};
use crate::{Group, Linear, Result, ScaleType};

/// One layer of `qint2` or `qint4`: weight = `scale · field - shift`.
///
/// Becomes `INT2_BIAS` or `INT4_BIAS` with the shift negated: exact, including both roundings.
#[derive(Clone, Copy, Debug)]
pub struct QuantoBitsLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// 2 or 4.
    pub bits: usize,
    /// Weights of one group, a divisor of `n · k`: usually 128.
    pub group: Group,
    /// `weight._data._data`: the table `[groups, group]` with fields of several rows in a byte, the first row in the
    /// lowest bits.
    pub packed: &'a [u8],
    /// `weight._scale`, one for each group.
    pub scales: FloatSlice<'a>,
    /// `weight._shift`, floats, one for each group.
    pub shifts: FloatSlice<'a>,
}

impl QuantoBitsLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite,
    /// [`Error::Group`](crate::Error::Group) if the greatest common divisor of groups and rows is not a multiple of 8.
    pub fn linear(&self) -> Result<Linear> {
        let &QuantoBitsLayout { n, k, bits, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[2, 4])?;
        let weights = size(&[n, k]);
        let group = group_len(self.group, k)?;
        multiple("weight._data", "n · k", group, weights)?;
        let groups = weights / group;
        // Rows of the packed table. Missing rows of the last fields are zeros.
        let rows = groups.div_ceil(8 / bits);
        bytes("weight._data", size(&[rows, group]), self.packed)?;
        self.scales.check("weight._scale", groups)?;
        self.shifts.check("weight._shift", groups)?;
        let kind = match (self.scales.kind(), self.shifts.kind()) {
            (scale, shift) if scale == shift => pair_kind(scale),
            _ => ScaleType::F32,
        };
        let span = flat_group(group, k);
        let format = grouped(biased(bits).with_scale(kind)?, span, k)?;
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                let at = row * k + j;
                let (line, column) = (at / group, at % group);
                let byte = self.packed[line % rows * group + column];
                *out = (byte >> (bits * (line / rows))) & ((1 << bits) - 1);
            }
        };
        let matrix = build(format, bits, n, k, fields, |row, g, out| {
            let of = (row * k + g * span) / group;
            let (first, second) = out.split_at_mut(kind.bytes());
            put(kind, self.scales.at(of), first);
            put(kind, -self.shifts.at(of), second);
        })?;
        Ok(Linear::new(matrix))
    }
}

/// The type of the bytes in a [`QuantoBytesLayout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantoByte {
    /// `qint8`
    Int8,
    /// `qfloat8_e4m3fn` or `qfloat8_e5m2`
    Float(Element),
}

/// One layer of `qint8` or `qfloat8`: weight = `scale · code`.
///
/// Becomes `INT8` or an FP8 format with whole rows and scales in the checkpoint's type: exact.
#[derive(Clone, Copy, Debug)]
pub struct QuantoBytesLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// Integers or floats.
    pub byte: QuantoByte,
    /// `weight._data`: `[n, k]`, one byte each.
    pub data: &'a [u8],
    /// `weight._scale`: `[n]` (axis 0), or one for the tensor.
    pub scales: FloatSlice<'a>,
}

impl QuantoBytesLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &QuantoBytesLayout { n, k, data, scales, .. } = self;
        match self.byte {
            QuantoByte::Int8 => IntQuantizedLayout {
                n,
                k,
                group: Group::Row,
                weight: data,
                scales,
                zero_points: None,
            }
            .linear(),
            QuantoByte::Float(element) => Fp8Layout {
                n,
                k,
                element,
                block: (if scales.len() == 1 { n } else { 1 }, k),
                weight: data,
                scales,
            }
            .linear(),
        }
    }
}

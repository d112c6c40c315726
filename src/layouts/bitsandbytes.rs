//! bitsandbytes: NF4 and FP4 with and without double quantization, LLM.int8().

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::{check_shape, flat_group, grouped, interleave, multiple};
use crate::linear::part;
use crate::{Format, Group, Linear, Matrix, OutputScale, Result};

/// The 16 levels that 4-bit codes select from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels4 {
    /// Quantiles of the normal distribution.
    Nf4,
    /// Floats with a sign, 2 bits of exponent and 1 of mantissa, in bitsandbytes' order.
    Fp4,
}

impl Levels4 {
    fn format(self) -> Format {
        match self {
            Levels4::Nf4 => Format::NF4,
            Levels4::Fp4 => Format::FP4,
        }
    }

    /// Checks that a checkpoint's table (`quant_map`) equals that of the format. Weights with another table would
    /// otherwise be decoded wrongly without notice.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) for the first level that differs.
    pub fn check(self, quant_map: FloatSlice) -> Result<()> {
        quant_map.check("quant_map", 16)?;
        // Decodes each code once with an absmax of 1.
        let codes = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let block = [&1f32.to_le_bytes()[..], &codes].concat();
        let levels = Matrix::from_bytes(self.format().with_group(Group::Row)?, 1, 16, block)?.dequantize();
        for (i, level) in levels.into_iter().enumerate() {
            if quant_map.at(i) != level {
                let what = format!("number {i}");
                return Err(part("quant_map", what, level, quant_map.at(i)));
            }
        }
        Ok(())
    }
}

/// The largest magnitude of each block of weights.
#[derive(Clone, Copy, Debug)]
pub enum Absmax<'a> {
    /// f32, one for each block.
    Plain(FloatSlice<'a>),
    /// Double quantization (`compress_statistics`): `map[code] · absmax + offset`.
    Nested {
        /// One byte for each block.
        codes: &'a [u8],
        /// The 256 values that codes stand for (`nested_quant_map`).
        map: FloatSlice<'a>,
        /// One for each `block` codes (`nested_absmax`).
        absmax: FloatSlice<'a>,
        /// Codes that share one of `absmax`: 256.
        block: usize,
        /// Added to each (`nested_offset`).
        offset: f32,
    },
}

impl Absmax<'_> {
    /// All values, in f32 and rounded as by bitsandbytes.
    fn values(&self, count: usize) -> Result<Vec<f32>> {
        match *self {
            Absmax::Plain(scales) => {
                scales.check("absmax", count)?;
                Ok(scales.to_vec())
            }
            Absmax::Nested {
                codes,
                map,
                absmax,
                block,
                offset,
            } => {
                bytes("absmax", count, codes)?;
                map.check("nested_quant_map", 256)?;
                if block == 0 {
                    return Err(part("nested_absmax", "its block", "at least 1", block));
                }
                absmax.check("nested_absmax", count.div_ceil(block))?;
                FloatSlice::from(&[offset][..]).check("nested_offset", 1)?;
                let value = |(i, &code): (usize, &u8)| map.at(code as usize) * absmax.at(i / block) + offset;
                Ok(codes.iter().enumerate().map(value).collect())
            }
        }
    }
}

/// One layer of 4 bits: weight = `absmax · level[code]`.
///
/// Becomes `NF4` or `FP4`: exact. Blocks run over the flattened tensor; if their length does not divide `k`, the group is
/// the greatest common divisor of both.
#[derive(Clone, Copy, Debug)]
pub struct FourBitLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// NF4 or FP4.
    pub levels: Levels4,
    /// Weights in one block: usually 64.
    pub block: usize,
    /// Two codes in a byte, the first in the high nibble, row by row.
    pub packed: &'a [u8],
    /// One for each block.
    pub absmax: Absmax<'a>,
}

impl FourBitLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape, a number is not finite, or rows do not start
    /// at whole bytes; [`Error::Group`](crate::Error::Group) if the group is not a multiple of 8.
    pub fn linear(&self) -> Result<Linear> {
        let &FourBitLayout { n, k, block, .. } = self;
        check_shape(n, k)?;
        multiple("weight", "inputs", 2, k)?;
        if block == 0 {
            return Err(part("weight", "its block", "at least 1", block));
        }
        bytes("weight", size(&[n, k / 2]), self.packed)?;
        let absmax = self.absmax.values(size(&[n, k]).div_ceil(block))?;
        let group = flat_group(block, k);
        let format = grouped(self.levels.format(), group, k)?;
        let matrix = interleave(format, n, k, self.packed, |row, g, out| {
            let value = absmax[(row * k + g * group) / block];
            out.copy_from_slice(&value.to_le_bytes());
        })?;
        Ok(Linear::new(matrix))
    }
}

/// One LLM.int8() layer: weight = `code · scb[row] · (1 / 127)`.
///
/// Becomes `INT8` with whole rows, f32 scales `scb` and an output scale of 1 / 127: exact. bitsandbytes rounds inputs to
/// 8 bits, except in columns that hold an outlier; lowbit does not round them, so it needs no outlier columns here.
#[derive(Clone, Copy, Debug)]
pub struct Int8Layout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// i8 `[n, k]` (`CB`, or `weight` in files).
    pub weight: &'a [u8],
    /// `[n]`: the largest magnitude of each row (`SCB`).
    pub scb: FloatSlice<'a>,
}

impl Int8Layout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &Int8Layout { n, k, .. } = self;
        check_shape(n, k)?;
        bytes("weight", size(&[n, k]), self.weight)?;
        self.scb.check("SCB", n)?;
        let format = Format::INT8.with_scale(crate::ScaleType::F32)?.with_group(Group::Row)?;
        let matrix = interleave(format, n, k, self.weight, |row, _, out| {
            out.copy_from_slice(&self.scb.at(row).to_le_bytes());
        })?;
        Linear::new(matrix).with_scale(OutputScale::Multiply(1.0 / 127.0))
    }
}

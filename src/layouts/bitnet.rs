//! BitNet b1.58 in transformers: ternary weights, packed with four rows in a byte, or rounded from floats at run time.

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::{build, check_shape, multiple};
use crate::linear::part;
use crate::{Format, Group, Linear, OutputScale, Result, ScaleType};
use half::{bf16, f16};

/// One packed BitNet layer: weights -1, 0, 1 with one scale.
///
/// Becomes `TERNARY` with whole rows, scales of 1 and an output scale: exact. The checkpoint's `linear_class` tells the
/// direction of the scale: `bitlinear` (the default) divides by `weight_scale`, `autobitlinear` multiplies by it.
#[derive(Clone, Copy, Debug)]
pub struct BitNetLayout<'a> {
    /// Outputs: a multiple of 4.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// u8 `[n / 4, k]`: bits 2i and 2i + 1 of row r hold the weight of row `r + i · n / 4`, plus 1.
    pub packed: &'a [u8],
    /// `weight_scale`, and its direction.
    pub scale: OutputScale,
}

impl BitNetLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or the scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &BitNetLayout { n, k, .. } = self;
        check_shape(n, k)?;
        multiple("weight", "outputs", 4, n)?;
        bytes("weight", size(&[n / 4, k]), self.packed)?;
        let fields = |row: usize, out: &mut [u8]| {
            let packed = &self.packed[row % (n / 4) * k..];
            for (out, byte) in out.iter_mut().zip(packed) {
                *out = (byte >> (2 * (row / (n / 4)))) & 3;
            }
        };
        ternary(n, k, fields)?.with_scale(self.scale)
    }
}

/// One BitNet layer whose ternary weights are rounded at run time (`quantization_mode` `online`) from the floats that it
/// was trained with.
///
/// Becomes `TERNARY` with whole rows, scales of 1, and the output scale `mean |w|`, at least 1e-5. Each weight is
/// `w / mean |w|`, rounded (ties to even) and clamped to -1, 0, 1, times that scale in the floats' type. lowbit takes the
/// mean in f64.
#[derive(Clone, Copy, Debug)]
pub struct BitNetLatentLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// f32, f16 or bf16 `[n, k]`
    pub weight: FloatSlice<'a>,
}

impl BitNetLatentLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape, a float is not finite, or the type is not
    /// f32, f16 or bf16.
    pub fn linear(&self) -> Result<Linear> {
        let &BitNetLatentLayout { n, k, weight } = self;
        check_shape(n, k)?;
        weight.check("weight", size(&[n, k]))?;
        let sum: f64 = (0..n * k).map(|i| f64::from(weight.at(i).abs())).sum();
        let inverse = 1.0 / ((sum / (n as f64 * k as f64)) as f32).max(1e-5);
        let scale = match weight.kind() {
            ScaleType::F32 => 1.0 / inverse,
            ScaleType::F16 => f16::from_f32(1.0 / inverse).to_f32(),
            ScaleType::BF16 => bf16::from_f32(1.0 / inverse).to_f32(),
            kind => return Err(part("weight", "its type", "f32, f16 or bf16", kind)),
        };
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                let level = (weight.at(row * k + j) * inverse).round_ties_even();
                *out = (level.clamp(-1.0, 1.0) + 1.0) as u8;
            }
        };
        ternary(n, k, fields)?.with_scale(OutputScale::Multiply(scale))
    }
}

/// Whole rows of ternary weights. Fields are weights plus 1.
fn ternary(n: usize, k: usize, fields: impl Fn(usize, &mut [u8]) + Sync + Send) -> Result<Linear> {
    let format = Format::TERNARY.with_group(Group::Row)?;
    let matrix = build(format, 2, n, k, fields, |_, _, out| {
        out.copy_from_slice(&f16::ONE.to_le_bytes());
    })?;
    Ok(Linear::new(matrix))
}

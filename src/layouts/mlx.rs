//! MLX's affine quantization: 1 to 8 bits with a bias.
//!
//! Its `mxfp4`, `mxfp8` and `nvfp4` are [`MicroscaledLayout`](super::MicroscaledLayout).

use super::FloatSlice;
use super::fields::{bytes, check_bits, size};
use super::groups::{biased, build, check_shape, group_len, grouped, pair_kind, put};
use crate::formats::bits::field_of;
use crate::{Group, Linear, Result, ScaleType};

/// One layer of MLX's `affine` mode: weight = `scale · field + bias`; scales may be negative.
///
/// Becomes an integer format with a bias and scales in the checkpoint's type: exact for f32, with product and sum rounded
/// one after the other. With scales in f16 or bf16 MLX rounds both to that type, lowbit to f32.
#[derive(Clone, Copy, Debug)]
pub struct MlxAffineLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// 1 to 8.
    pub bits: usize,
    /// Inputs that share a scale: 32, 64 or 128.
    pub group: Group,
    /// `weight`: u32 `[n, k · bits / 32]`, each row a stream of fields.
    pub packed: &'a [u8],
    /// `[n, groups]`
    pub scales: FloatSlice<'a>,
    /// `[n, groups]`
    pub biases: FloatSlice<'a>,
}

impl MlxAffineLayout<'_> {
    /// The layer, without an output bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &MlxAffineLayout { n, k, bits, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[1, 2, 3, 4, 5, 6, 7, 8])?;
        let stride = size(&[size(&[k, bits]).div_ceil(32), 4]);
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        bytes("weight", size(&[n, stride]), self.packed)?;
        self.scales.check("scales", size(&[n, groups]))?;
        self.biases.check("biases", size(&[n, groups]))?;
        let kind = match (self.scales.kind(), self.biases.kind()) {
            (scale, bias) if scale == bias => pair_kind(scale),
            _ => ScaleType::F32,
        };
        let format = grouped(biased(bits).with_scale(kind)?, group, k)?;
        let fields = |row: usize, out: &mut [u8]| {
            let packed = &self.packed[row * stride..][..stride];
            for (j, out) in out.iter_mut().enumerate() {
                *out = field_of(packed, bits, j);
            }
        };
        let matrix = build(format, bits, n, k, fields, |row, g, out| {
            let (first, second) = out.split_at_mut(kind.bytes());
            put(kind, self.scales.at(row * groups + g), first);
            put(kind, self.biases.at(row * groups + g), second);
        })?;
        Ok(Linear::new(matrix))
    }
}

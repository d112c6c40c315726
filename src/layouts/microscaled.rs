//! Small floats with a small scale for each group: MXFP4, MXFP6, MXFP8 and NVFP4 of any tool.

use super::fields::{bytes, size};
use super::groups::{check_shape, group_len, grouped, interleave};
use super::{Element, FloatSlice};
use crate::{Group, Linear, OutputScale, Result};

/// One layer of small floats in groups: weight = `element · scale`, multiplied or divided by a global scale.
///
/// Becomes `FP4_E2M1`, `FP6_E2M3`, ... with scales in the checkpoint's type: exact. compressed-tensors, ModelOpt, MLX and
/// gpt-oss share this layout. For gpt-oss's experts, `n` counts the outputs of all experts, one after the other.
///
/// | Tool | Elements | Group | FloatSlice | Global scale |
/// |---|---|---|---|---|
/// | compressed-tensors `nvfp4-pack-quantized` | E2M1 | 16 | E4M3 | divides |
/// | ModelOpt NVFP4 (`weight_scale_2`) | E2M1 | 16 | E4M3 | multiplies |
/// | MLX `nvfp4` | E2M1 | 16 | E4M3 | none |
/// | MXFP4, gpt-oss | E2M1 | 32 | E8M0 | none |
/// | MXFP6 | E2M3 or E3M2 | 32 | E8M0 | none |
/// | MXFP8 | E4M3 or E5M2 | 32 | E8M0 | none |
#[derive(Clone, Copy, Debug)]
pub struct MicroscaledLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs. Rows of `packed` must end at whole bytes.
    pub k: usize,
    /// The floats.
    pub element: Element,
    /// Weights that share a scale: 16 or 32.
    pub group: Group,
    /// Rows of elements, lowest bits first: with 4 bits the first weight is in the low nibble.
    pub packed: &'a [u8],
    /// `[n, groups]`
    pub scales: FloatSlice<'a>,
    /// One number for the whole tensor.
    pub global: Option<OutputScale>,
}

impl MicroscaledLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite (an
    /// E8M0 of 255 is not).
    pub fn linear(&self) -> Result<Linear> {
        let &MicroscaledLayout { n, k, element, .. } = self;
        check_shape(n, k)?;
        let row_bytes = size(&[k, element.bits()]).div_ceil(8);
        bytes("the packed weights", size(&[n, row_bytes]), self.packed)?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        self.scales.check("the scales", size(&[n, groups]))?;
        let format = element.format().with_scale(self.scales.kind())?;
        let format = grouped(format, group, k)?;
        let matrix = interleave(format, n, k, self.packed, |row, g, out| {
            out.copy_from_slice(self.scales.raw(row * groups + g));
        })?;
        match self.global {
            Some(scale) => Linear::new(matrix).with_scale(scale),
            None => Ok(Linear::new(matrix)),
        }
    }
}

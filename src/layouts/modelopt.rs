//! NVIDIA's Model Optimizer: 4-bit integers with two rows in a byte. Its floats are [`MicroscaledLayout`](super::MicroscaledLayout)
//! and [`Fp8Layout`](super::Fp8Layout), its bytes [`IntQuantizedLayout`](super::IntQuantizedLayout).

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::{Integers, check_shape, group_len, multiple, pair_kind};
use crate::{Group, Linear, Result};

/// One layer of `W4A16_AWQ` or `W4A8_AWQ`: weight = `scale · code`.
///
/// Becomes `INT4` with scales in the checkpoint's type: exact. W4A8 rounds inputs to 8-bit floats; lowbit does not.
#[derive(Clone, Copy, Debug)]
pub struct ModelOptInt4Layout<'a> {
    /// Outputs: an even number.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: Group,
    /// u8 `[n / 2, k]`: codes from -8 to 7, with the even row in the low nibble.
    pub packed: &'a [u8],
    /// `[n, groups]`
    pub scales: FloatSlice<'a>,
}

impl ModelOptInt4Layout<'_> {
    /// The layer, without a bias and input scales.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &ModelOptInt4Layout { n, k, .. } = self;
        check_shape(n, k)?;
        multiple("weight", "outputs", 2, n)?;
        bytes("weight", size(&[n / 2, k]), self.packed)?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        self.scales.check("weight_scale", size(&[n, groups]))?;
        let fields = |row: usize, out: &mut [u8]| {
            for (out, byte) in out.iter_mut().zip(&self.packed[row / 2 * k..]) {
                // The middle of the fields is 8.
                *out = (byte >> (4 * (row % 2)) & 15) ^ 8;
            }
        };
        let integers = Integers {
            n,
            k,
            bits: 4,
            group,
            kind: pair_kind(self.scales.kind()),
        };
        let scale = |row: usize, g: usize| self.scales.at(row * groups + g);
        Ok(Linear::new(integers.matrix(fields, scale, |_, _| 8.0)?))
    }
}

//! AWQ checkpoints of version GEMM: 4 bits, packed along the outputs in interleaved order.

use super::FloatSlice;
use super::fields::{bytes, size, word};
use super::groups::{Integers, check_shape, group_len, multiple, pair_kind};
use crate::{Group, Linear, Result};

/// The nibble of a word that holds output `8c + i`: words hold outputs 0, 2, 4, 6, 1, 3, 5, 7.
const NIBBLE: [u32; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// One AWQ layer: weight = `scale · (field - zero)`.
///
/// Becomes `INT4_QZEROS` (`INT4` if all zero points are 8) with scales in the checkpoint's type. Codes, scales and zero
/// points are exact; the tool rounds weights to f16, lowbit keeps f32.
#[derive(Clone, Copy, Debug)]
pub struct AwqLayout<'a> {
    /// Outputs: a multiple of 8.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: Group,
    /// i32 `[k, n / 8]`
    pub qweight: &'a [u8],
    /// i32 `[groups, n / 8]`
    pub qzeros: &'a [u8],
    /// `[groups, n]`
    pub scales: FloatSlice<'a>,
}

impl AwqLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &AwqLayout { n, k, .. } = self;
        check_shape(n, k)?;
        multiple("qweight", "outputs", 8, n)?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        bytes("qweight", size(&[k, n / 8, 4]), self.qweight)?;
        bytes("qzeros", size(&[groups, n / 8, 4]), self.qzeros)?;
        self.scales.check("scales", size(&[groups, n]))?;

        let nibble = |words: &[u8], line: usize, row: usize| {
            let word = word(words, line * (n / 8) + row / 8);
            (word >> (4 * NIBBLE[row % 8])) as u8 & 15
        };
        let kind = pair_kind(self.scales.kind());
        let integers = Integers {
            n,
            k,
            bits: 4,
            group,
            kind,
        };
        let matrix = integers.matrix(
            |row, out| {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = nibble(self.qweight, j, row);
                }
            },
            |row, g| self.scales.at(g * n + row),
            |row, g| nibble(self.qzeros, g, row) as f32,
        )?;
        Ok(Linear::new(matrix))
    }
}

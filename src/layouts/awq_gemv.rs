//! AWQ checkpoints of versions GEMV and GEMV fast: 4 bits, packed along the inputs.

use super::FloatSlice;
use super::fields::{bytes, mask, size, word};
use super::groups::{Integers, biased, build, check_shape, group_len, grouped, multiple, pair_kind, put};
use crate::{Group, Linear, Result, ScaleType};

/// Columns of scales in both versions: one for each group, padded to whole words of zero points, to pairs of words for
/// groups of 64, and to four words for groups of 32.
fn columns(k: usize, group: usize) -> usize {
    let words = (k / group).div_ceil(8);
    8 * match group {
        32 => words.next_multiple_of(4),
        64 => words.next_multiple_of(2),
        _ => words,
    }
}

/// One AWQ layer of version GEMV: weight = `scale · (field - zero)`.
///
/// Becomes `INT4_QZEROS` (`INT4` if all zero points are 8) with scales in the checkpoint's type. Codes, scales and zero
/// points are exact; the tool rounds weights to f16, lowbit keeps f32.
#[derive(Clone, Copy, Debug)]
pub struct AwqGemvLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs: a multiple of 8 and of the group.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: Group,
    /// i32 `[n, k / 8]`: each row a stream of fields.
    pub qweight: &'a [u8],
    /// i32 `[n, c / 8]`: each row a stream of fields, with the `c` of the scales.
    pub qzeros: &'a [u8],
    /// `[n, c]`: the first `k / group` columns are scales, the rest is padding. `c` is their number rounded up to a
    /// multiple of 8, of 16 for groups of 64, or of 32 for groups of 32.
    pub scales: FloatSlice<'a>,
}

impl AwqGemvLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a scale is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &AwqGemvLayout { n, k, .. } = self;
        check_shape(n, k)?;
        let group = group_len(self.group, k)?;
        multiple("qweight", "inputs", 8, k)?;
        multiple("qweight", "inputs", group, k)?;
        let columns = columns(k, group);
        bytes("qweight", size(&[n, k / 8, 4]), self.qweight)?;
        bytes("qzeros", size(&[n, columns / 8, 4]), self.qzeros)?;
        self.scales.check("scales", size(&[n, columns]))?;
        let nibble = |words: &[u8], at: usize| (word(words, at / 8) >> (4 * (at % 8))) as u8 & 15;
        let integers = Integers {
            n,
            k,
            bits: 4,
            group,
            kind: pair_kind(self.scales.kind()),
        };
        let matrix = integers.matrix(
            |row, out| {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = nibble(self.qweight, row * k + j);
                }
            },
            |row, g| self.scales.at(row * columns + g),
            |row, g| nibble(self.qzeros, row * columns + g) as f32,
        )?;
        Ok(Linear::new(matrix))
    }
}

/// One AWQ layer of version GEMV fast: weight = `scale · field + scaled zero`.
///
/// Becomes `INT4_BIAS` with scales in the checkpoint's type: exact. The tool rounds weights to f16.
#[derive(Clone, Copy, Debug)]
pub struct AwqGemvFastLayout<'a> {
    /// Outputs: a multiple of 4.
    pub n: usize,
    /// Inputs: a multiple of 64 and of the group.
    pub k: usize,
    /// Inputs that share a scale.
    pub group: Group,
    /// i16 `[n / 4, k]`: four fields in each, interleaved.
    pub qweight: &'a [u8],
    /// `[c, n]`, of which the first `k / group` rows are scales: see [`AwqGemvLayout::scales`].
    pub scales: FloatSlice<'a>,
    /// `[c, n]`: the zero points, multiplied by the scales and negated.
    pub scaled_zeros: FloatSlice<'a>,
}

impl AwqGemvFastLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite.
    pub fn linear(&self) -> Result<Linear> {
        let &AwqGemvFastLayout { n, k, .. } = self;
        check_shape(n, k)?;
        let group = group_len(self.group, k)?;
        multiple("qweight", "outputs", 4, n)?;
        multiple("qweight", "inputs", 64, k)?;
        multiple("qweight", "inputs", group, k)?;
        let columns = columns(k, group);
        bytes("qweight", size(&[n / 4, k, 2]), self.qweight)?;
        self.scales.check("scales", size(&[columns, n]))?;
        self.scaled_zeros.check("scaled_zeros", size(&[columns, n]))?;
        let kind = match (self.scales.kind(), self.scaled_zeros.kind()) {
            (scale, zero) if scale == zero => pair_kind(scale),
            _ => ScaleType::F32,
        };
        let format = grouped(biased(4).with_scale(kind)?, group, k)?;
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                *out = self.field(row, j);
            }
        };
        let matrix = build(format, 4, n, k, fields, |row, g, out| {
            let (first, second) = out.split_at_mut(kind.bytes());
            put(kind, self.scales.at(g * n + row), first);
            put(kind, self.scaled_zeros.at(g * n + row), second);
        })?;
        Ok(Linear::new(matrix))
    }

    /// Input 8d + 2g + c of each 32 lies at 8g + 4c + d. Four rows of 64 inputs lie one after the other, and four
    /// consecutive fields share a word.
    fn field(&self, row: usize, column: usize) -> u8 {
        let (d, g, c) = (column % 32 / 8, column % 8 / 2, column % 2);
        let at = column / 32 * 32 + 8 * g + 4 * c + d;
        let within = row % 4 * 64 + at % 64;
        let word = row / 4 * self.k + at / 64 * 64 + within / 4;
        let byte = self.qweight[2 * word + within % 4 / 2];
        byte >> (4 * (within % 2)) & mask(4) as u8
    }
}

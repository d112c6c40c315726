//! GPTQ checkpoints (AutoGPTQ, GPTQModel, AutoRound): 2 to 8 bits, packed down the columns.

use super::fields::{bytes, check_bits, column_field, mask, size, word};
use super::groups::{Integers, check_shape, group_len, pair_kind};
use super::{FloatSlice, order};
use crate::formats::bits::field_of;
use crate::{Group, Linear, Result};

/// How a tool stores the zero points of GPTQ. The ways differ for a zero point of 0, and for 3 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GptqZeros {
    /// Unchanged: `checkpoint_format` `gptq_v2`, AutoRound's own packing.
    AsTheyAre,
    /// Minus 1, modulo 2^bits, so that all ones mean 0: AutoGPTQ.
    OneLower,
    /// Minus 1, so that all ones mean 2^bits: AutoGPTQ with 3 bits, AutoRound.
    OneLowerUpTo,
    /// Whole words minus a 1 in each field, so that a 0 borrows from its neighbor: GPTQModel with 2, 4 and 8 bits.
    LowerWords,
    /// Whole words of 3-bit fields minus the wrong constants, which are a 1 in each field only in every second of three
    /// words: GPTQModel before 7.0.
    LowerWords3,
}

impl GptqZeros {
    /// Zero point `i` of a row of words.
    fn zero(self, words: &[u8], bits: usize, i: usize) -> u16 {
        let stored = || field_of(words, bits, i) as u16;
        match self {
            GptqZeros::AsTheyAre => stored(),
            GptqZeros::OneLower => (stored() + 1) & mask(bits),
            GptqZeros::OneLowerUpTo => stored() + 1,
            GptqZeros::LowerWords => {
                let ones = |_| u32::MAX / mask(bits) as u32;
                raised(words, bits, i, ones)
            }
            GptqZeros::LowerWords3 => raised(words, bits, i, |at| LOWER_3[at % 3]),
        }
    }
}

/// The constants that GPTQModel before 7.0 subtracted from words of 3-bit fields: the first and third are swapped.
const LOWER_3: [u32; 3] = [0x2492_4924, 0x9249_2492, 0x4924_9249];

/// Field `i` after each word was raised by its constant, without carry between words.
fn raised(words: &[u8], bits: usize, i: usize, by: impl Fn(usize) -> u32) -> u16 {
    let (at, shift) = (i * bits / 32, i * bits % 32);
    let raised = |at: usize| word(words, at).wrapping_add(by(at));
    let mut field = raised(at) >> shift;
    if shift + bits > 32 {
        field |= raised(at + 1) << (32 - shift);
    }
    field as u16 & mask(bits)
}

/// One GPTQ layer: weight = `scale · (field - zero)`, with the scale and zero point of the input's group.
///
/// Becomes an integer format with packed zero points (symmetric if all are in the middle) with scales in the checkpoint's
/// type; act-order becomes a permutation of the inputs. Codes, scales and zero points are exact; the tool rounds weights
/// to f16, lowbit keeps f32.
#[derive(Clone, Copy, Debug)]
pub struct GptqLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// 2 to 8.
    pub bits: usize,
    /// Inputs that share a scale: [`Group::Row`] is `group_size` -1.
    pub group: Group,
    /// How the zero points are stored.
    pub zeros: GptqZeros,
    /// i32 `[k · bits / 32, n]`: each column a stream of fields.
    pub qweight: &'a [u8],
    /// i32 `[groups, n · bits / 32]`: each row a stream of fields.
    pub qzeros: &'a [u8],
    /// `[groups, n]`
    pub scales: FloatSlice<'a>,
    /// i32 `[k]`: the group of each input; absent or all zeros if groups are consecutive.
    pub g_idx: Option<&'a [u8]>,
}

impl GptqLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape, a scale is not finite, or the groups of
    /// `g_idx` differ in length.
    pub fn linear(&self) -> Result<Linear> {
        let &GptqLayout { n, k, bits, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[2, 3, 4, 5, 6, 7, 8])?;
        let group = group_len(self.group, k)?;
        let groups = k.div_ceil(group);
        let words = |fields: usize| size(&[fields, bits]).div_ceil(32);
        let zero_bytes = size(&[words(n), 4]);
        bytes("qweight", size(&[words(k), n, 4]), self.qweight)?;
        bytes("qzeros", size(&[groups, zero_bytes]), self.qzeros)?;
        self.scales.check("scales", size(&[groups, n]))?;
        let order = order::by_group("g_idx", self.g_idx, k, group)?;

        let column = |j: usize| order.as_ref().map_or(j, |order| order[j] as usize);
        let fields = |row: usize, out: &mut [u8]| {
            for (j, out) in out.iter_mut().enumerate() {
                *out = column_field(self.qweight, bits, column(j), row, n);
            }
        };
        let zero =
            |row: usize, g: usize| self.zeros.zero(&self.qzeros[g * zero_bytes..][..zero_bytes], bits, row) as f32;
        let kind = pair_kind(self.scales.kind());
        let integers = Integers {
            n,
            k,
            bits,
            group,
            kind,
        };
        let matrix = integers.matrix(fields, |row, g| self.scales.at(g * n + row), zero)?;
        match order {
            Some(order) => Linear::new(matrix).with_permutation(order),
            None => Ok(Linear::new(matrix)),
        }
    }
}

//! GPTQ checkpoints (AutoGPTQ, GPTQModel): 2, 3, 4 or 8 bits, packed down the columns.

use super::fields::{bytes, check_bits, column_field, mask, size};
use super::groups::{check_shape, group_len, pair_kind, Integers};
use super::{order, Scales};
use crate::formats::bits::field_of;
use crate::{Linear, Result};

/// One GPTQ layer: weight = `scale · (field - zero)`, scale and zero those of the input's group.
///
/// Becomes an asymmetric integer format (symmetric where all zero points are in the middle) with
/// scales of the checkpoint's type; act-order becomes a permutation of the inputs. Codes, scales and
/// zero points are exact; the tool rounds its product to f16, lowbit keeps f32.
#[derive(Clone, Copy, Debug)]
pub struct Gptq<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// 2, 3, 4 or 8.
    pub bits: usize,
    /// Inputs that share a scale; 0 for all of them (`group_size` -1).
    pub group: usize,
    /// Zero points are stored as they are (`checkpoint_format` `gptq_v2`), not one lower. Of those that
    /// are one lower, all ones mean 0, as in AutoGPTQ.
    pub v2: bool,
    /// i32 `[k · bits / 32, n]`: each column a stream of fields.
    pub qweight: &'a [u8],
    /// i32 `[groups, n · bits / 32]`: each row a stream of fields.
    pub qzeros: &'a [u8],
    /// `[groups, n]`
    pub scales: Scales<'a>,
    /// i32 `[k]`: the group of each input; absent, or zeros, where groups are runs.
    pub g_idx: Option<&'a [u8]>,
}

impl Gptq<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) where lengths do not fit the shape, a scale is not finite, or
    /// the groups of `g_idx` are not all of one length.
    pub fn linear(&self) -> Result<Linear> {
        let &Gptq {
            n, k, bits, group, ..
        } = self;
        check_shape(n, k)?;
        check_bits(bits, &[2, 3, 4, 8])?;
        let groups = k.div_ceil(group_len(group, k));
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
        let zero = |row: usize, g: usize| {
            let stored = field_of(&self.qzeros[g * zero_bytes..], bits, row) as u16;
            match self.v2 {
                true => stored as f32,
                false => ((stored + 1) & mask(bits)) as f32,
            }
        };
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

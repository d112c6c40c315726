//! HQQ: 1 to 8 bits with fractional zero points, and fields packed across rows.

use super::FloatSlice;
use super::fields::{bytes, check_bits, size, word};
use super::groups::{Integers, by_columns, check_shape, flat_group, group_len, multiple, pair_kind};
use crate::linear::part;
use crate::{Group, Linear, Result, ScaleType};

/// One HQQ layer: weight = `(field - zero) · scale`.
///
/// HQQ reshapes the weights to a table with groups in its rows (`axis` 1) or columns (`axis` 0), and packs fields of
/// several rows of the table into a byte.
///
/// A layer with axis 1 becomes an asymmetric integer format: exact. With axis 0, scales and zero points vary from column
/// to column, and the layer becomes `INTn_COLUMNS`, in which both are f32.
#[derive(Clone, Copy, Debug)]
pub struct HqqLayout<'a> {
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// 1, 2, 3, 4, 5, 6 or 8. Fields of 5, 6 and 8 bits take a byte.
    pub bits: usize,
    /// Weights of one group, a divisor of `n · k`; [`Group::Row`] is a row (axis 1) or a column (axis 0).
    pub group: Group,
    /// Whether groups are columns of the table (`axis` 0).
    pub columns: bool,
    /// `W_q`: u8, or, for 3 bits, i32 with ten fields in each.
    pub packed: &'a [u8],
    /// One for each group.
    pub scales: FloatSlice<'a>,
    /// One for each group.
    pub zeros: FloatSlice<'a>,
}

/// How fields of several rows share an item, that of the first row in the highest bits.
struct HqqPacking {
    bits: usize,
    /// Rows of the packed table.
    rows: usize,
    columns: usize,
}

impl HqqPacking {
    fn field(&self, packed: &[u8], row: usize, column: usize) -> u8 {
        let at = row % self.rows * self.columns + column;
        let run = row / self.rows;
        match self.bits {
            3 => (word(packed, at) >> (27 - 3 * run)) as u8 & 7,
            bits @ (1 | 2 | 4) => (packed[at] >> (8 - bits * (run + 1))) & ((1 << bits) - 1),
            _ => packed[at],
        }
    }
}

impl HqqLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape or a number is not finite,
    /// [`Error::Group`](crate::Error::Group) if the greatest common divisor of groups and rows is not a multiple of 8.
    pub fn linear(&self) -> Result<Linear> {
        let &HqqLayout { n, k, bits, .. } = self;
        check_shape(n, k)?;
        check_bits(bits, &[1, 2, 3, 4, 5, 6, 8])?;
        let weights = size(&[n, k]);
        let group = group_len(self.group, if self.columns { n } else { k })?;
        multiple("W_q", "n · k", group, weights)?;
        let groups = weights / group;
        let (rows, columns) = if self.columns { (group, groups) } else { (groups, group) };
        let (run, item) = match bits {
            3 => (10, 4),
            1 | 2 | 4 => (8 / bits, 1),
            _ => (1, 1),
        };
        if bits != 3 {
            multiple("W_q", "the rows of its table", run, rows)?;
        }
        let packing = HqqPacking {
            bits,
            rows: rows.div_ceil(run),
            columns,
        };
        bytes("W_q", size(&[packing.rows, columns, item]), self.packed)?;
        self.scales.check("scale", groups)?;
        self.zeros.check("zero", groups)?;
        let field = |at: usize| packing.field(self.packed, at / columns, at % columns);
        if bits < 8
            && bits > 4
            && let Some(at) = (0..weights).find(|&at| field(at) >> bits != 0)
        {
            let expected = format!("under {}", 1 << bits);
            return Err(part("W_q", format!("field {at}"), expected, field(at)));
        }
        if self.columns {
            let matrix = by_columns(bits, n, k, field, columns, |g| [self.scales.at(g), self.zeros.at(g)])?;
            return Ok(Linear::new(matrix));
        }
        let span = flat_group(group, k);
        let of = |row: usize, g: usize| (row * k + g * span) / group;
        let kind = match (self.scales.kind(), self.zeros.kind()) {
            (scale, zero) if scale == zero => pair_kind(scale),
            _ => ScaleType::F32,
        };
        let integers = Integers {
            n,
            k,
            bits,
            group: span,
            kind,
        };
        let matrix = integers.matrix(
            |row, out| {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = field(row * k + j);
                }
            },
            |row, g| self.scales.at(of(row, g)),
            |row, g| self.zeros.at(of(row, g)),
        )?;
        Ok(Linear::new(matrix))
    }
}

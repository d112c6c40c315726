//! AQLM: vectors of eight weights, looked up in learned codebooks.

use super::FloatSlice;
use super::fields::{bytes, size};
use super::groups::{check_shape, interleave_codebook, multiple};
use crate::linear::part;
use crate::{Format, Group, Linear, Result};

/// One AQLM layer: each vector of eight weights is `scale[row] · Σ entries`.
///
/// Becomes `AQLM_1X16` (one codebook of 65 536 entries) or `AQLM_2X8` (two of 256) with codebooks and scales in the
/// checkpoint's type, f16 or bf16: exact.
#[derive(Clone, Copy, Debug)]
pub struct AqlmLayout<'a> {
    /// Outputs (`out_group_size` must be 1).
    pub n: usize,
    /// Inputs: a multiple of 8 (`in_group_size`).
    pub k: usize,
    /// `num_codebooks`: 1 with 16-bit codes, or 2 with 8-bit codes.
    pub books: usize,
    /// i16 or i8 `[n, k / 8, books]`: indices modulo the number of entries, so that the upper half is negative.
    pub codes: &'a [u8],
    /// `[books, entries, 1, 8]`
    pub codebooks: FloatSlice<'a>,
    /// `[n]`
    pub scales: FloatSlice<'a>,
}

impl AqlmLayout<'_> {
    /// The layer, without a bias.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if lengths do not fit the shape, a number is not finite, or codebooks and
    /// scales differ in type.
    pub fn linear(&self) -> Result<Linear> {
        let &AqlmLayout { n, k, books, .. } = self;
        check_shape(n, k)?;
        multiple("codes", "inputs", 8, k)?;
        let (format, entries) = match books {
            1 => (Format::AQLM_1X16, 1 << 16),
            2 => (Format::AQLM_2X8, 1 << 8),
            _ => return Err(part("codebooks", "their number", "1 or 2", books)),
        };
        // Both kinds of codes take two bytes for eight weights. Read as unsigned, the bytes are the indices.
        bytes("codes", size(&[n, k / 8, 2]), self.codes)?;
        self.codebooks.check("codebooks", size(&[books, entries, 8]))?;
        self.scales.check("scales", n)?;
        if self.scales.kind() != self.codebooks.kind() {
            let (expected, got) = (self.codebooks.kind(), self.scales.kind());
            return Err(part("scales", "their type", expected, got));
        }
        let format = format.with_scale(self.scales.kind())?.with_group(Group::Row)?;
        let header = |row: usize, _, out: &mut [u8]| out.copy_from_slice(self.scales.raw(row));
        let books = self.codebooks.bytes();
        let matrix = interleave_codebook(format, n, k, self.codes, books, header)?;
        Ok(Linear::new(matrix))
    }
}

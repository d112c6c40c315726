//! Weights as sums of codebook entries, and their packed matrix.

use crate::matrix::{check_shape, length};
use crate::{Error, Format, Group, Matrix, Result, ScaleType, parallel};
use std::borrow::Cow;

/// `n` rows of `k` weights: vector g of row r is `scales[r] · Σ_m codebooks[m][codes[r, g, m]]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Additive {
    /// Rows.
    pub n: usize,
    /// Weights in a row, a multiple of d.
    pub k: usize,
    /// Weights in a vector.
    pub d: usize,
    /// Codebooks with the same number of entries, vectors of d floats.
    pub codebooks: Vec<Vec<f32>>,
    /// `[n, k / d, codebooks]`: the index of an entry in each codebook.
    pub codes: Vec<u16>,
    /// `[n]`: the factor of each row.
    pub scales: Vec<f32>,
}

impl Additive {
    /// The weights, `n` rows of `k`; a code that is not the index of an entry counts as 0.
    pub fn dequantize(&self) -> Vec<f32> {
        let mut out = self.unscaled(&self.codebooks);
        parallel::chunks(
            &mut out,
            self.k.max(1),
            || (),
            |row, out, ()| {
                let scale = self.scales.get(row).copied().unwrap_or(0.0);
                out.iter_mut().for_each(|w| *w *= scale);
            },
        );
        out
    }

    /// The sums of entries of `codebooks`, without scales.
    pub(super) fn unscaled(&self, codebooks: &[Vec<f32>]) -> Vec<f32> {
        let d = self.d.max(1);
        let books = codebooks.len();
        let mut out = vec![0f32; self.n * self.k];
        parallel::chunks(
            &mut out,
            self.k.max(1),
            || (),
            |row, out, ()| {
                let codes = self.row_codes(row).chunks_exact(books.max(1));
                for (out, codes) in out.chunks_exact_mut(d).zip(codes) {
                    for (book, &code) in codebooks.iter().zip(codes) {
                        let entry = book.chunks_exact(d).nth(code as usize);
                        for (w, c) in out.iter_mut().zip(entry.into_iter().flatten()) {
                            *w += c;
                        }
                    }
                }
            },
        );
        out
    }

    /// W - Ŵ.
    pub(super) fn errors(&self, w: &[f32]) -> Vec<f32> {
        let mut errors = self.dequantize();
        errors.iter_mut().zip(w).for_each(|(e, w)| *e = w - *e);
        errors
    }

    pub(super) fn row_codes(&self, row: usize) -> &[u16] {
        let a_row = self.k / self.d.max(1) * self.codebooks.len();
        self.codes.get(row * a_row..(row + 1) * a_row).unwrap_or_default()
    }

    /// The matrix of format `AQLM_1X16` (one codebook) or `AQLM_2X8` (two of at most 256 entries), with a scale for
    /// each row. Entries and scales are rounded to f16, or bf16.
    ///
    /// # Errors
    /// [`Error::Argument`] where vectors are not of 8 weights, or there are other codebooks; [`Error::Length`] where
    /// the parts do not fit the shape; [`Error::ScaleRange`] where an entry or a scale is infinite in that type;
    /// [`Error::Scale`] for another type.
    pub fn pack(&self, scale: ScaleType) -> Result<Matrix<'static>> {
        let &Additive { n, k, d, .. } = self;
        if d != 8 {
            return Err(Error::argument("the weights in a vector", "8", d));
        }
        let (format, most) = match self.codebooks.len() {
            1 => (Format::AQLM_1X16, 1 << 16),
            2 => (Format::AQLM_2X8, 1 << 8),
            books => return Err(Error::argument("the number of codebooks", "1 or 2", books)),
        };
        let format = format.with_scale(scale)?.with_group(Group::Row)?;
        let row_bytes = check_shape(format, n, k)?;
        let expected = n * (k / 8) * self.codebooks.len();
        if self.codes.len() != expected {
            return Err(length("codes", n, k, "codes", expected, self.codes.len()));
        }
        if self.scales.len() != n {
            return Err(length("scales", n, k, "floats", n, self.scales.len()));
        }
        let entries = self.codebooks[0].len() / d;
        let even = self.codebooks.iter().all(|book| book.len() == entries * d);
        if !even || !(1..=most).contains(&entries) {
            let allowed = format!("1 to {most} entries, in each as many");
            let lengths: Vec<usize> = self.codebooks.iter().map(|book| book.len() / d).collect();
            return Err(Error::argument("a codebook", &allowed, format!("{lengths:?}")));
        }
        if let Some(code) = self.codes.iter().find(|code| **code as usize >= entries) {
            return Err(Error::argument("a code", &format!("below {entries}"), code));
        }
        let store = |value: f32, bytes: &mut [u8]| scale.store(value, bytes).map_err(|e| e.of(format));
        // Unused entries of a codebook stay 0; no code refers to them.
        let mut table = vec![0u8; self.codebooks.len() * most * 8 * 2];
        for (book, bytes) in self.codebooks.iter().zip(table.chunks_exact_mut(most * 16)) {
            for (&value, bytes) in book.iter().zip(bytes.chunks_exact_mut(2)) {
                store(value, bytes)?;
            }
        }
        let mut bytes = vec![0u8; n * row_bytes];
        for (row, bytes) in bytes.chunks_exact_mut(row_bytes).enumerate() {
            let (header, indices) = bytes.split_at_mut(2);
            store(self.scales[row], header)?;
            let codes = self.row_codes(row).chunks_exact(self.codebooks.len());
            for (index, codes) in indices.chunks_exact_mut(2).zip(codes) {
                let word = codes[0] | codes.get(1).map_or(0, |second| second << 8);
                index.copy_from_slice(&word.to_le_bytes());
            }
        }
        Matrix::from_codebook(format, n, k, Cow::Owned(bytes), &table)
    }
}

//! Walking and decoding stored rows.

use super::Format;
use crate::family::{Affine, AffineKind, Blocks, Levels, PART, Spans, Unpack};
use fearless_simd::Level;
use std::borrow::Cow;

impl Format {
    /// Calls `f(start, weights, block)` for each block of one stored row of `k` weights.
    pub(crate) fn for_blocks<'a>(&self, k: usize, mut row: &'a [u8], mut f: impl FnMut(usize, usize, &'a [u8])) {
        let span = self.block_span(k);
        let mut start = 0;
        while start < k {
            let len = span.min(k - start);
            let (block, rest) = row.split_at(self.bytes_for(len));
            f(start, len, block);
            start += len;
            row = rest;
        }
    }

    /// A stored row, without the headers of its groups if it is made of vectors.
    pub(crate) fn without_headers<'a>(&self, k: usize, row: &'a [u8]) -> Cow<'a, [u8]> {
        let Blocks::Vectors { header, .. } = self.family.blocks else {
            return row.into();
        };
        let mut stripped = Vec::with_capacity(row.len());
        self.for_blocks(k, row, |_, _, block| stripped.extend_from_slice(&block[header..]));
        stripped.into()
    }

    /// Bytes of `len` weights, whole blocks of them, without the headers of vectors.
    pub(crate) fn bytes_without_headers(&self, len: usize) -> usize {
        match self.family.blocks {
            Blocks::Vectors { bytes, .. } => len / 8 * bytes,
            Blocks::Plain { bytes } => len * bytes,
            Blocks::Groups { header: 0, bits, .. } => len * bits / 8,
            _ => {
                let span = self.block_span(len);
                len / span * self.bytes_for(span)
            }
        }
    }

    /// A stored row that has zeros in place of the scales of groups behind its end: parts that end there read them.
    pub(crate) fn with_zeros_behind<'a>(&self, k: usize, row: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.has_independent_groups() || k.is_multiple_of(PART) {
            return row.into();
        }
        let tail = k % self.block_span(k);
        let block = row.len() - self.bytes_for(tail);
        let mut row = row.to_vec();
        for (at, scale) in &self.family.floats[self.group_of(tail - 1) + 1..] {
            row[block + at..][..scale.bytes()].fill(0);
        }
        row.into()
    }

    /// The loop over whole rows of `k` at a level of SIMD; none for rows with a short last group, which are read block
    /// by block.
    pub(crate) fn unpack(&self, k: usize) -> Option<Unpack> {
        self.family.unpack.filter(|_| k.is_multiple_of(self.encoded_span(k)))
    }

    /// The codes of one stored row, `codes.len()` = k of them.
    pub(crate) fn row_codes(&self, row: &[u8], codes: &mut [i8]) {
        self.for_blocks(codes.len(), row, |start, len, block| {
            (self.family.codes)(block, &mut codes[start..start + len]);
        });
    }

    /// The same at a level of SIMD.
    pub(crate) fn row_codes_at(&self, level: Level, row: &[u8], codes: &mut [i8]) {
        match self.unpack(codes.len()) {
            Some(unpack) => {
                let spans = Spans {
                    codes,
                    scales: &mut [],
                    offsets: &mut [],
                };
                unpack(level, self.group, row, spans);
            }
            None => self.row_codes(row, codes),
        }
    }

    /// The weights of one stored row, rounded as by the original tools. `row` comes with its number in the matrix,
    /// `codebook` is that of the matrix.
    pub(crate) fn decode_row(
        &self,
        (number, row): (usize, &[u8]),
        codebook: &[u32],
        codes: &mut Vec<i8>,
        out: &mut [f32],
    ) {
        let family = self.family;
        let first = number * out.len();
        let span = self.block_span(out.len());
        codes.resize(span, 0);
        self.for_blocks(out.len(), row, |start, len, block| {
            let codes = &mut codes[..len];
            let out = &mut out[start..start + len];
            match family.levels {
                Levels::Direct(levels) => levels(block, codebook, first + start, out),
                _ => (family.codes)(block, codes),
            }
            let group = self.group_span(len);
            let kind = family.affine_kind;
            for (g, (codes, out)) in codes.chunks(group).zip(out.chunks_mut(group)).enumerate() {
                let a = (family.affine)(block, g);
                match (family.levels, kind) {
                    (Levels::Table(table), _) => {
                        for (o, &c) in out.iter_mut().zip(codes) {
                            *o = kind.value(table[c as u8 as usize & (table.len() - 1)], a);
                        }
                    }
                    (Levels::Unsigned, _) => {
                        for (o, &c) in out.iter_mut().zip(codes) {
                            *o = kind.value(c as u8 as f32, a);
                        }
                    }
                    (Levels::Direct(_), _) => {
                        for o in out {
                            *o = kind.value(*o, a);
                        }
                    }
                    // One loop for each kind, so that each vectorizes.
                    (Levels::Signed, AffineKind::Scale) => affine_loop(AffineKind::Scale, a, codes, out),
                    (Levels::Signed, AffineKind::ScaleBias) => affine_loop(AffineKind::ScaleBias, a, codes, out),
                    (Levels::Signed, AffineKind::ScaleZero { base: 0 }) => {
                        affine_loop(AffineKind::ScaleZero { base: 0 }, a, codes, out)
                    }
                    (Levels::Signed, kind @ AffineKind::ScaleZero { .. }) => affine_loop(kind, a, codes, out),
                }
            }
        });
    }
}

#[inline(always)]
fn affine_loop(kind: AffineKind, a: Affine, codes: &[i8], out: &mut [f32]) {
    for (o, &c) in out.iter_mut().zip(codes) {
        *o = kind.value(c as f32, a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CpuLevel;
    use crate::random::SplitMix64;

    #[test]
    fn every_level_reads_the_codes_of_blocks() {
        let mut random = SplitMix64::new(1);
        for format in Format::ALL {
            for k in [40, 256, 1280].into_iter().filter(|&k| format.row_bytes(k).is_ok()) {
                let row: Vec<u8> = (0..format.row_bytes(k).unwrap()).map(|_| random.bits() as u8).collect();
                let mut expected = vec![0; k];
                format.row_codes(&row, &mut expected);
                for level in CpuLevel::all() {
                    let mut codes = vec![1; k];
                    format.row_codes_at(level.0, &row, &mut codes);
                    assert_eq!(codes, expected, "{format}, {level:?}, k = {k}");
                }
            }
        }
    }
}

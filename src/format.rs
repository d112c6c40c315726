//! `Format`: a family and a group length, and what follows from them for rows of k weights.

use crate::family::{Affine, AffineKind, Blocks, Family, Levels, Plane};
use crate::{Error, Result, ScaleType};
use std::borrow::Cow;
use std::fmt;

/// A way to store weights in few bits: a small copyable value.
///
/// GGUF formats have blocks of a fixed size. The integer formats and `NF4` are families: their
/// group, the run of weights that shares a scale, has any length that is a multiple of 8
/// ([`with_group`](Format::with_group)) or is the whole row ([`per_row`](Format::per_row)).
#[derive(Clone, Copy)]
pub struct Format {
    family: &'static Family,
    /// 0: whole rows
    group: usize,
}

impl Format {
    pub(crate) const fn of(family: &'static Family) -> Format {
        Format {
            family,
            group: family.group,
        }
    }

    pub(crate) fn family(&self) -> &'static Family {
        self.family
    }

    /// The name without a group length, in lower case: `q4_k`, `int4`.
    /// [`Display`](fmt::Display) adds the group where it is not the usual one: `int4_g128`, `int4_row`.
    pub fn name(&self) -> &'static str {
        self.family.name
    }

    /// The format of this name, in either case, with or without a group: `q4_k`, `INT4_g128`, `int8_row`.
    pub fn from_name(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        if let Some(f) = Format::named(&name) {
            return Some(f);
        }
        let (stem, group) = name.rsplit_once('_')?;
        let format = Format::named(stem)?;
        if group == "row" {
            return format.per_row().ok();
        }
        format.with_group(group.strip_prefix('g')?.parse().ok()?).ok()
    }

    /// The format of this name, with any type of scale but the usual group.
    fn named(name: &str) -> Option<Format> {
        Format::ALL.iter().find_map(|format| {
            let scales = format.family.scales.iter().map(|(_, family)| *family);
            let mut families = std::iter::once(format.family).chain(scales);
            let family = families.find(|f| f.name == name)?;
            Some(Format { family, ..*format })
        })
    }

    /// The format of this tensor type id of GGUF files (`ggml_type`).
    pub fn from_gguf(id: u32) -> Option<Format> {
        Format::ALL.iter().find(|f| f.gguf() == Some(id)).copied()
    }

    /// The tensor type id in GGUF files, for formats that have one.
    pub fn gguf(&self) -> Option<u32> {
        self.family.gguf
    }

    /// The same codes with one scale for every `len` weights, `len` being a multiple of 8.
    pub fn with_group(self, len: usize) -> Result<Format> {
        let fixed = matches!(self.family.blocks, Blocks::Fixed { .. } | Blocks::Plain { .. });
        if fixed || len == 0 || !len.is_multiple_of(8) || len > 1 << 24 {
            return Err(Error::Group {
                format: self.family.name.into(),
                allowed: if fixed {
                    "no group length of the caller's"
                } else {
                    "groups of a multiple of 8 weights, up to 2^24"
                },
                got: len,
            });
        }
        Ok(Format { group: len, ..self })
    }

    /// The same codes with one scale for each row.
    pub fn per_row(self) -> Result<Format> {
        self.with_group(8)?;
        Ok(Format { group: 0, ..self })
    }

    /// The same codes with scales (and zero points or biases) of another type.
    ///
    /// # Errors
    /// [`Error::Scale`] where the format's scales cannot be of this type.
    pub fn with_scale(self, scale: ScaleType) -> Result<Format> {
        let scales = self.family.scales;
        match scales.iter().find(|(s, _)| *s == scale) {
            Some((_, family)) => Ok(Format { family, ..self }),
            None => Err(Error::Scale {
                format: self.family.name.into(),
                allowed: if scales.is_empty() {
                    "no type of the caller's".into()
                } else {
                    let names: Vec<_> = scales.iter().map(|(s, _)| s.name()).collect();
                    names.join(", ")
                },
                got: scale.name(),
            }),
        }
    }

    /// The types that [`with_scale`](Format::with_scale) takes; none where a specification fixed the type.
    pub fn scale_types(&self) -> Vec<ScaleType> {
        self.family.scales.iter().map(|(s, _)| *s).collect()
    }

    /// Weights that share one scale; 0 where that is the whole row.
    pub fn group_len(&self) -> usize {
        self.group
    }

    /// Weights in one block, the smallest unit that can be stored; 0 where that is the whole row.
    pub fn block_len(&self) -> usize {
        match self.family.blocks {
            Blocks::Fixed { len, .. } => len,
            Blocks::Groups { .. } | Blocks::Vectors { .. } => self.group,
            Blocks::Plain { .. } => 1,
        }
    }

    /// Bytes of one whole block. Of a format whose block is the whole row, the bytes beside its codes.
    pub fn block_bytes(&self) -> usize {
        self.bytes_for(self.block_len())
    }

    /// Bits stored for each weight, scales included (not those of whole rows, which depend on k).
    pub fn bits_per_weight(&self) -> f64 {
        match (self.family.blocks, self.block_len()) {
            (Blocks::Groups { bits, .. }, 0) => bits as f64,
            (Blocks::Vectors { bytes, .. }, 0) => bytes as f64,
            (_, len) => 8.0 * self.block_bytes() as f64 / len as f64,
        }
    }

    /// Bytes of one row of `k` weights.
    ///
    /// # Errors
    /// [`Error::Block`] where the format has blocks of a fixed size and `k` is no multiple of it.
    pub fn row_bytes(&self, k: usize) -> Result<usize> {
        self.check_k(k)?;
        let len = self.block_span(k);
        let whole = (k / len).saturating_mul(self.bytes_for(len));
        Ok(match k % len {
            0 => whole,
            rest => whole.saturating_add(self.bytes_for(rest)),
        })
    }

    /// Offset and type of the float fields of a block: the only bytes that can make a weight
    /// infinite or not a number, but for the codes of FP8, the four nibbles of IQ1_M's scale and codebooks.
    pub fn float_fields(&self) -> &'static [(usize, ScaleType)] {
        self.family.floats
    }

    /// Whether its weights are integers of 8 bits with a scale and an offset, which [`Precision::I8`] multiplies by
    /// rounded inputs. Products of other formats are those of F32 at that precision too, and no I8 kernel
    /// [serves](crate::KernelInfo::serves) them.
    ///
    /// [`Precision::I8`]: crate::Precision::I8
    pub fn has_integers(&self) -> bool {
        self.family.has_integers()
    }

    /// Whether lowbit can encode floats in it; the others are only read ([`Error::NoEncoder`]).
    pub fn has_encoder(&self) -> bool {
        // What brings a table of its own is learned together with it.
        self.family.table.least_words() == 0
    }

    pub(crate) fn check_k(&self, k: usize) -> Result<()> {
        match self.family.blocks {
            Blocks::Fixed { len, .. } if !k.is_multiple_of(len) => Err(Error::Block {
                format: self.to_string(),
                block: len,
                k,
            }),
            Blocks::Vectors { .. } if !k.is_multiple_of(8) => Err(Error::Block {
                format: self.to_string(),
                block: 8,
                k,
            }),
            _ => Ok(()),
        }
    }

    /// Weights in one block of a row of `k`.
    pub(crate) fn block_span(&self, k: usize) -> usize {
        match (self.family.blocks, self.block_len()) {
            (Blocks::Plain { .. }, _) | (_, 0) => k.max(1),
            (_, len) => len,
        }
    }

    /// Bytes of a block that holds `len` weights.
    pub(crate) fn bytes_for(&self, len: usize) -> usize {
        match self.family.blocks {
            Blocks::Fixed { bytes, .. } => bytes,
            Blocks::Groups { header, bits } => header + len.saturating_mul(bits).div_ceil(8),
            Blocks::Vectors { header, bytes } => header + len.div_ceil(8).saturating_mul(bytes),
            Blocks::Plain { bytes } => len.saturating_mul(bytes),
        }
    }

    /// The group, within its block, of weight `i` of the block.
    pub(crate) fn group_of(&self, i: usize) -> usize {
        match self.family.blocks {
            Blocks::Fixed { .. } => i / self.family.group,
            _ => 0,
        }
    }

    /// The device plane of the scales, its period following the group length.
    pub(crate) fn scale_plane(&self) -> Plane {
        match self.family.blocks {
            Blocks::Fixed { .. } | Blocks::Plain { .. } => self.family.scale_plane,
            // A family says it for groups of 32.
            Blocks::Groups { .. } | Blocks::Vectors { .. } => Plane {
                per: self.group * (self.family.scale_plane.per / 32),
                ..self.family.scale_plane
            },
        }
    }

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

    /// A stored row without the headers of its groups, where it is made of vectors; else as it is.
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
            Blocks::Groups { header: 0, bits } => len * bits / 8,
            _ => len / self.block_len() * self.block_bytes(),
        }
    }

    /// The codes of one stored row, `codes.len()` = k of them.
    pub(crate) fn row_codes(&self, row: &[u8], codes: &mut [i8]) {
        self.for_blocks(codes.len(), row, |start, len, block| {
            (self.family.codes)(block, &mut codes[start..start + len]);
        });
    }

    /// The weights of one stored row: codes, levels, affine, in the rounding of the original tools.
    /// `row` is given with its number, `codebook` is that of the matrix.
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
            let group = match family.blocks {
                Blocks::Fixed { .. } => family.group,
                _ => len,
            };
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

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.name() == other.name() && self.group == other.group
    }
}

impl Eq for Format {}

impl std::hash::Hash for Format {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        (self.name(), self.group).hash(h);
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            g if g == self.family.group => f.pad(self.name()),
            0 => f.pad(&format!("{}_row", self.name())),
            g => f.pad(&format!("{}_g{g}", self.name())),
        }
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({self})")
    }
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        Format::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Format::ALL.iter().map(Format::name).collect();
            Error::UnknownFormat(name.into(), known.join(", "))
        })
    }
}

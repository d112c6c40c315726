//! `Format`: a family of encodings and a group, and the sizes that follow from them.

mod encode;
mod name;
mod rows;

use crate::family::{Blocks, Family, Plane};
use crate::{Error, Group, Result, ScaleType};

/// A way to store weights in few bits: a small `Copy` value.
///
/// GGUF formats have blocks of a fixed size. Other formats (integers, small floats, `NF4`) are families: the weights
/// that share a scale are a whole row, or a group of any multiple of 8 weights
/// ([`with_group`](Format::with_group)).
///
/// With the feature `serde` a format is its name as a string, with its group and scale type: `int4_bf16_g128`.
#[derive(Clone, Copy)]
pub struct Format {
    family: &'static Family,
    /// Never `Tensor`.
    group: Group,
}

impl Format {
    pub(crate) const fn of(family: &'static Family) -> Format {
        Format {
            family,
            group: Format::default_group(family),
        }
    }

    const fn default_group(family: &Family) -> Group {
        match family.group {
            0 => Group::Row,
            len => Group::Len(len),
        }
    }

    pub(crate) fn family(&self) -> &'static Family {
        self.family
    }

    /// The format of this tensor type id of GGUF files (`ggml_type`).
    pub fn from_gguf(id: u32) -> Option<Format> {
        Format::ALL.iter().find(|f| f.gguf() == Some(id)).copied()
    }

    /// The tensor type id in GGUF files, if GGUF has this format.
    pub fn gguf(&self) -> Option<u32> {
        self.family.gguf
    }

    /// The same codes with one scale for each group: [`Group::Row`], or a length that is a multiple of 8.
    ///
    /// # Errors
    /// [`Error::Group`] if the format has groups of a fixed length, the length is not a multiple of 8 or over 2^24,
    /// the group is [`Group::Tensor`], or it is [`Group::Row`] and the format packs the zero points of several groups
    /// together.
    pub fn with_group(self, group: impl Into<Group>) -> Result<Format> {
        const LENGTHS: &str = "groups of a multiple of 8 weights up to 2^24";
        let group = group.into();
        let allowed = match self.family.blocks {
            Blocks::Fixed { .. } => format!("its own groups of {}", self.family.group),
            Blocks::Plain { .. } => "no groups".into(),
            Blocks::Groups { .. } | Blocks::Vectors { .. } => match group {
                Group::Row if !self.has_independent_groups() => return Ok(Format { group, ..self }),
                Group::Len(len) if len > 0 && len.is_multiple_of(8) && len <= 1 << 24 => {
                    return Ok(Format { group, ..self });
                }
                _ if self.has_independent_groups() => LENGTHS.into(),
                _ => format!("whole rows, or {LENGTHS}"),
            },
        };
        Err(Error::Group {
            format: self.family.name.into(),
            allowed,
            got: group,
        })
    }

    /// The same codes with scales (and zero points or biases) of another type.
    ///
    /// # Errors
    /// [`Error::Scale`] if the format has no variant with this scale type.
    pub fn with_scale(self, scale: ScaleType) -> Result<Format> {
        let scales = self.family.scales;
        match scales.iter().find(|(s, _)| *s == scale) {
            Some((_, family)) => Ok(Format { family, ..self }),
            None => Err(Error::Scale {
                format: self.family.name.into(),
                allowed: if scales.is_empty() {
                    "the type that its specification fixes".into()
                } else {
                    let names: Vec<_> = scales.iter().map(|(s, _)| s.name()).collect();
                    names.join(", ")
                },
                got: scale.name(),
            }),
        }
    }

    /// The types that [`with_scale`](Format::with_scale) accepts; empty if a specification fixes the type.
    pub fn scale_types(&self) -> Vec<ScaleType> {
        self.family.scales.iter().map(|(s, _)| *s).collect()
    }

    /// The weights that share a scale: [`Group::Len`] or [`Group::Row`]. Plain floats, which have no scales, report
    /// groups of 32.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Weights in one block, the smallest unit that can be stored; `None` if a block is the whole row.
    pub fn block_len(&self) -> Option<usize> {
        match (self.family.blocks, self.group) {
            (Blocks::Fixed { len, .. }, _) => Some(len),
            (Blocks::Plain { .. }, _) => Some(1),
            (Blocks::Groups { groups, .. }, Group::Len(len)) => Some(groups * len),
            (_, Group::Len(len)) => Some(len),
            _ => None,
        }
    }

    /// Bytes of one whole block; `None` if a block is the whole row, whose bytes are
    /// [`row_bytes`](Format::row_bytes).
    pub fn block_bytes(&self) -> Option<usize> {
        Some(self.bytes_for(self.block_len()?))
    }

    /// Bits stored for each weight, scales included, except scales of whole rows, whose share depends on `k`.
    pub fn bits_per_weight(&self) -> f64 {
        let bits = |len: usize, bytes: usize| 8.0 * bytes as f64 / len as f64;
        match (self.family.blocks, self.block_len()) {
            (_, Some(len)) => bits(len, self.bytes_for(len)),
            (_, None) => bits(8, self.bytes_for(8) - self.bytes_for(0)),
        }
    }

    /// Bytes of one row of `k` weights.
    ///
    /// # Errors
    /// [`Error::Block`] if the format has blocks of a fixed size and `k` is not a multiple of it.
    pub fn row_bytes(&self, k: usize) -> Result<usize> {
        self.check_k(k)?;
        let len = self.block_span(k);
        let whole = (k / len).saturating_mul(self.bytes_for(len));
        Ok(match k % len {
            0 => whole,
            rest => whole.saturating_add(self.bytes_for(rest)),
        })
    }

    /// Offset in bytes and type of each float field of a block. No other bytes can make a weight infinite or NaN,
    /// except the codes of FP8, the four nibbles of IQ1_M's scale, and codebooks.
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
            (Blocks::Plain { .. }, _) | (_, None) => k.max(1),
            (_, Some(len)) => len,
        }
    }

    /// Bytes of a block that holds `len` weights.
    pub(crate) fn bytes_for(&self, len: usize) -> usize {
        match self.family.blocks {
            Blocks::Fixed { bytes, .. } => bytes,
            Blocks::Groups { header, bits, .. } => header + len.saturating_mul(bits).div_ceil(8),
            Blocks::Vectors { header, bytes } => header + len.div_ceil(8).saturating_mul(bytes),
            Blocks::Plain { bytes } => len.saturating_mul(bytes),
        }
    }

    /// Whether a block has several groups that are encoded one by one.
    pub(crate) fn has_independent_groups(&self) -> bool {
        matches!(self.family.blocks, Blocks::Groups { groups: 2.., .. })
    }

    /// Weights in a group of a block of `len`.
    pub(crate) fn group_span(&self, len: usize) -> usize {
        match (self.family.blocks, self.group) {
            (Blocks::Fixed { .. }, _) => self.family.group,
            (Blocks::Groups { .. }, Group::Len(group)) => group,
            _ => len,
        }
    }

    /// The group, within its block, of weight `i` of the block.
    pub(crate) fn group_of(&self, i: usize) -> usize {
        i / self.group_span(usize::MAX)
    }

    /// The device plane of the scales, with the period that this format's group gives.
    pub(crate) fn scale_plane(&self) -> Plane {
        match self.family.blocks {
            Blocks::Fixed { .. } | Blocks::Plain { .. } => self.family.scale_plane,
            // A family gives its plane for groups of 32.
            Blocks::Groups { .. } | Blocks::Vectors { .. } => Plane {
                per: match self.group {
                    Group::Len(len) => len * (self.family.scale_plane.per / 32),
                    _ => 0,
                },
                ..self.family.scale_plane
            },
        }
    }
}

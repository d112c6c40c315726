//! AQLM: eight weights at a time are the sum of entries of learned codebooks, with a scale for each row.
//!
//! A block is one group, the whole row by default: the scale, then 16 bits for each eight
//! weights: one index into a codebook of 65 536 entries (1x16), or one into each of two of 256
//! (2x8, the first in the low byte). Weight = scale · (sum of entries). The codebooks come with the
//! matrix ([`Matrix::from_codebook`](crate::Matrix::from_codebook)): entries of eight f16 or bf16,
//! as the scale is. There are no integer codes, so the format has no DP4A kernel.

use super::scale::{self, BF16, F16, ScaleFamilies, StoredScale};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, QuantizeError, ShaderParts, Table, Unit,
};

const fn family<const BOOKS: usize, const BITS: usize, S: StoredScale>(
    name: &'static str,
    scales: &'static ScaleFamilies,
) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Vectors { header: 2, bytes: 2 },
        floats: const { &[(0, S::TYPE)] },
        scales,
        group: 0,
        affine_kind: AffineKind::Scale,
        levels: Levels::Direct(levels::<BOOKS, BITS, S>),
        // Entries of eight halves: four words.
        table: Table::Codebook((BOOKS * 4) << BITS),
        codes: |_, codes| codes.fill(0),
        affine: |block, _| Affine {
            scale: S::TYPE.load(block),
            offset: 0.0,
        },
        unpack: None,
        code_plane: Plane {
            unit: Unit::Vec2,
            units: 1,
            per: 32,
        },
        pack_codes: Pack::Blocks(|indices, units| {
            units.fill(0);
            units[..indices.len()].copy_from_slice(indices);
        }),
        scale_plane: scale::plane(S::TYPE, false),
        scale_bytes: &[(0, 2)],
        // Never called: codebooks are learned by `quantize::vector`, and `Matrix::quantize` returns an error.
        quantize: |_, _, _| {
            Err(QuantizeError {
                scale: f32::NAN,
                limit: 0.0,
            })
        },
        shader: ShaderParts {
            bits: 0,
            fields: Fields::Other { largest: 0 },
            decode: Decode::Own,
            files: const {
                &[
                    scale::shader(S::TYPE, false),
                    ("formats/aqlm.wgsl", include_str!("../../shaders/formats/aqlm.wgsl")),
                ]
            },
            consts: const {
                &[
                    ("BOOKS", BOOKS as u32),
                    ("IS_BF16", matches!(S::TYPE, ScaleType::BF16) as u32),
                ]
            },
        },
    }
}

fn levels<const BOOKS: usize, const BITS: usize, S: StoredScale>(
    block: &[u8],
    codebook: &[u32],
    _: usize,
    levels: &mut [f32],
) {
    for (levels, index) in levels.chunks_mut(8).zip(block[2..].chunks_exact(2)) {
        let index = u16::from_le_bytes([index[0], index[1]]) as usize;
        for book in 0..BOOKS {
            let entry = (index >> (BITS * book)) & ((1 << BITS) - 1);
            let words = &codebook[4 * ((book << BITS) + entry)..][..4];
            for (pair, word) in levels.chunks_mut(2).zip(words) {
                let bytes = word.to_le_bytes();
                for (level, half) in pair.iter_mut().zip(bytes.chunks(2)) {
                    let value = S::TYPE.load(half);
                    *level = if book == 0 { value } else { *level + value };
                }
            }
        }
    }
}

macro_rules! families {
    ($books:literal x $bits:literal: $all:ident = $name:ident $text:literal, $bf16:ident $bf16_text:literal) => {
        static $all: [(ScaleType, &Family); 2] = [(ScaleType::F16, &$name), (ScaleType::BF16, &$bf16)];
        pub(crate) static $name: Family = family::<$books, $bits, F16>($text, &$all);
        static $bf16: Family = family::<$books, $bits, BF16>($bf16_text, &$all);
    };
}
families!(1 x 16: ALL_1X16 = AQLM_1X16 "aqlm_1x16", AQLM_1X16_BF16 "aqlm_1x16_bf16");
families!(2 x 8: ALL_2X8 = AQLM_2X8 "aqlm_2x8", AQLM_2X8_BF16 "aqlm_2x8_bf16");

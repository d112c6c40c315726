//! GGUF IQ3_XXS: 256 weights in 98 bytes, 8 groups of 32. 0: d (f16), 2: 64 bytes, the index of a point
//! for each four weights, 66: a word a group: four times seven signs and a 4-bit scale.
//! Weight = d · (scale + 1/2) / 2 · signed point.

use super::f16;
use super::lattice::{self, grids, word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ3_XXS: Family = Family {
    name: "iq3_xxs",
    gguf: Some(18),
    blocks: Blocks::Fixed { len: 256, bytes: 98 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq3_xxs_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let seven = (word(block, 66 + 4 * (o / 4)) >> (7 * (o % 4))) as u8 & 127;
            let signs = lattice::even_signs(seven);
            for (q, codes) in codes.chunks_mut(4).enumerate() {
                let point = grids::IQ3_XXS[block[2 + 2 * o + q] as usize];
                lattice::iq3_xxs(point, signs >> (4 * q), codes);
            }
        }
    },
    affine: |block, g| Affine {
        scale: f16::load(block, 0) * (0.5 + (block[66 + 4 * g + 3] >> 4) as f32) * 0.5,
        offset: 0.0,
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::OddWords,
        units: 3,
        per: 32,
    },
    pack_codes: Pack::Blocks(|block, units| {
        let signs = |part: usize| lattice::signs28(word(block, 66 + 4 * part));
        lattice::pack_quads(&block[2..66], signs, units);
    }),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq3_xxs(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 62 },
        decode: Decode::Lattice { points: 256, bytes: 4 },
        files: &[
            lattice::SHADER_IQ3,
            lattice::SHADER_SIGNS28,
            (
                "formats/iq3_xxs.wgsl",
                include_str!("../../shaders/formats/iq3_xxs.wgsl"),
            ),
        ],
        consts: &[],
    },
};

//! GGUF IQ2_XXS: 256 weights in 66 bytes, 8 groups of 32. 0: d (f16), 2: two words a group: four
//! indices of points (a byte for each eight weights), then four times seven signs and a 4-bit scale.
//! Weight = d · (scale + 1/2) / 4 · signed point.

use super::f16;
use super::lattice::{self, grids, word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ2_XXS: Family = Family {
    name: "iq2_xxs",
    gguf: Some(16),
    blocks: Blocks::Fixed { len: 256, bytes: 66 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq2_xxs_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let (group, l) = (2 + 8 * (o / 4), o % 4);
            let signs = (word(block, group + 4) >> (7 * l)) as u8 & 127;
            let point = grids::IQ2_XXS[block[group + l] as usize];
            lattice::iq2(point, lattice::even_signs(signs), codes);
        }
    },
    affine: |block, g| Affine {
        scale: f16::load(block, 0) * (0.5 + (block[2 + 8 * g + 7] >> 4) as f32) * 0.25,
        offset: 0.0,
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::Vec2,
        units: 1,
        per: 32,
    },
    pack_codes: Pack::Blocks(|block, units| {
        for (g, unit) in units.chunks_mut(8).enumerate() {
            let signs = lattice::signs28(word(block, 2 + 8 * g + 4));
            unit[..4].copy_from_slice(&block[2 + 8 * g..][..4]);
            unit[4..].copy_from_slice(&signs.to_le_bytes());
        }
    }),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq2_xxs(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 43 },
        decode: Decode::Lattice { points: 256, bytes: 8 },
        files: &[
            lattice::SHADER_IQ2,
            lattice::SHADER_SIGNS28,
            (
                "formats/iq2_xxs.wgsl",
                include_str!("../../shaders/formats/iq2_xxs.wgsl"),
            ),
        ],
        consts: &[],
    },
};

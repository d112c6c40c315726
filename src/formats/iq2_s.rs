//! GGUF IQ2_S: 256 weights in 82 bytes, 16 groups of 16. 0: d (f16), 2: 32 bytes, the low bits of
//! the index of a point for each eight weights, 34: their signs, a byte each, 66: 8 bytes, the high two bits
//! of four indices each, 74: 8 bytes, the 4-bit scales of two groups each.
//! Weight = d · (scale + 1/2) / 4 · signed point.

use super::f16;
use super::lattice::{self, grids, word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ2_S: Family = Family {
    name: "iq2_s",
    gguf: Some(22),
    blocks: Blocks::Fixed { len: 256, bytes: 82 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq2_s_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let high = (block[66 + o / 4] >> (2 * (o % 4))) & 3;
            let index = block[2 + o] as usize | (high as usize) << 8;
            lattice::iq2(grids::IQ2_S[index], block[34 + o], codes);
        }
    },
    affine: |block, g| {
        let scale = (block[74 + g / 2] >> (4 * (g % 2))) & 15;
        Affine {
            scale: f16::load(block, 0) * (0.5 + scale as f32) * 0.25,
            offset: 0.0,
        }
    },
    unpack: None,
    // For each 32 weights: four low bytes, a word of signs.
    code_plane: Plane {
        unit: Unit::Vec2,
        units: 1,
        per: 32,
    },
    pack_codes: Pack::Blocks(|block, units| {
        for (g, unit) in units.chunks_mut(8).enumerate() {
            unit[..4].copy_from_slice(&block[2 + 4 * g..][..4]);
            let signs = lattice::by_bytes(word(block, 34 + 4 * g));
            unit[4..].copy_from_slice(&signs.to_le_bytes());
        }
    }),
    // For each 32 weights their high bits and scales, then d.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 9,
        per: 256,
    },
    scale_bytes: &[
        (66, 1),
        (74, 1),
        (67, 1),
        (75, 1),
        (68, 1),
        (76, 1),
        (69, 1),
        (77, 1),
        (70, 1),
        (78, 1),
        (71, 1),
        (79, 1),
        (72, 1),
        (80, 1),
        (73, 1),
        (81, 1),
        (0, 2),
    ],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq2_s(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 43 },
        decode: Decode::Lattice { points: 1024, bytes: 8 },
        files: &[
            lattice::SHADER_IQ2,
            ("formats/iq2_s.wgsl", include_str!("../../shaders/formats/iq2_s.wgsl")),
        ],
        consts: &[],
    },
};

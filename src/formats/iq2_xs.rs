//! GGUF IQ2_XS: 256 weights in 74 bytes, 16 groups of 16. 0: d (f16), 2: a half word for each eight
//! weights, the index of a point (9 bits) and seven signs, 66: 8 bytes, the 4-bit scales of two groups
//! each. Weight = d · (scale + 1/2) / 4 · signed point.

use super::f16;
use super::lattice::{self, grids, half_word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ2_XS: Family = Family {
    name: "iq2_xs",
    gguf: Some(17),
    blocks: Blocks::Fixed { len: 256, bytes: 74 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq2_xs_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let q = half_word(block, 2 + 2 * o);
            let point = grids::IQ2_XS[(q & 511) as usize];
            lattice::iq2(point, lattice::even_signs((q >> 9) as u8), codes);
        }
    },
    affine: |block, g| {
        let scale = (block[66 + g / 2] >> (4 * (g % 2))) & 15;
        Affine {
            scale: f16::load(block, 0) * (0.5 + scale as f32) * 0.25,
            offset: 0.0,
        }
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::Vec2,
        units: 1,
        per: 32,
    },
    // For each 32 weights: four low bytes, a word of signs and high bits.
    pack_codes: Pack::Blocks(|block, units| {
        for (g, unit) in units.chunks_mut(8).enumerate() {
            let q: [u16; 4] = std::array::from_fn(|o| half_word(block, 2 + 8 * g + 2 * o));
            let joined = |field: fn(u16) -> u16, bits: usize| {
                (0..4).fold(0, |word, o| word | (field(q[o]) as u32) << (bits * o))
            };
            let signs = lattice::signs28(joined(|q| q >> 9, 7) | joined(|q| q >> 8 & 1, 1) << 28);
            unit[..4].copy_from_slice(&joined(|q| q & 0xff, 8).to_le_bytes());
            unit[4..].copy_from_slice(&signs.to_le_bytes());
        }
    }),
    // The scales, then d.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 5,
        per: 256,
    },
    scale_bytes: &[(66, 8), (0, 2)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq2_xs(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 43 },
        decode: Decode::Lattice { points: 512, bytes: 8 },
        files: &[
            lattice::SHADER_IQ2,
            lattice::SHADER_SIGNS28,
            ("formats/iq2_xs.wgsl", include_str!("../../shaders/formats/iq2_xs.wgsl")),
        ],
        consts: &[],
    },
};

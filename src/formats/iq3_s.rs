//! GGUF IQ3_S: 256 weights in 110 bytes, 8 groups of 32. 0: d (f16), 2: 64 bytes, the low bits of the
//! index of a point for each four weights, 66: 8 bytes, their high bits, 74: 32 bytes of signs, 106: 4
//! bytes, the 4-bit scales of two groups each. Weight = d · (2 scale + 1) · signed point.

use super::f16;
use super::lattice::{self, grids, word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ3_S: Family = Family {
    name: "iq3_s",
    gguf: Some(21),
    blocks: Blocks::Fixed { len: 256, bytes: 110 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq3_s_words),
    codes: |block, codes| {
        for (q, codes) in codes.chunks_mut(4).enumerate() {
            let high = (block[66 + q / 8] >> (q % 8)) & 1;
            let index = block[2 + q] as usize | (high as usize) << 8;
            let signs = block[74 + q / 2] >> (4 * (q % 2));
            lattice::iq3_s(grids::IQ3_S[index], signs, codes);
        }
    },
    affine: |block, g| {
        let scale = (block[106 + g / 2] >> (4 * (g % 2))) & 15;
        Affine {
            scale: f16::load(block, 0) * (1 + 2 * scale) as f32,
            offset: 0.0,
        }
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::OddWords,
        units: 3,
        per: 32,
    },
    pack_codes: Pack::Blocks(|block, units| {
        lattice::pack_quads(
            &block[2..66],
            |part| lattice::by_bytes(word(block, 74 + 4 * part)),
            units,
        );
    }),
    // The high bits, the scales, then d; one unit, so that kernels that own whole rows hold it.
    scale_plane: Plane {
        unit: Unit::Vec4,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(66, 8), (106, 4), (0, 2)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq3_s(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 15 },
        decode: Decode::Lattice { points: 512, bytes: 4 },
        files: &[
            lattice::SHADER_IQ3,
            ("formats/iq3_s.wgsl", include_str!("../../shaders/formats/iq3_s.wgsl")),
        ],
        consts: &[],
    },
};

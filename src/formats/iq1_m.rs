//! GGUF IQ1_M: 256 weights in 56 bytes, 16 groups of 16. 0: 32 bytes, the low bits of the index of a
//! point for each eight weights, 32: 16 bytes, a nibble for each eight weights: three high bits, and whether the
//! point moves down or up by an eighth, 48: four half words, each four 3-bit scales and four bits of d (f16).
//! Weight = d · (2 scale + 1) · (point ± 1/8); codes are eighths.

use super::lattice::{self, grids, half_word};
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ1_M: Family = Family {
    name: "iq1_m",
    gguf: Some(29),
    blocks: Blocks::Fixed { len: 256, bytes: 56 },
    // d lies in four nibbles, in no field of its own.
    floats: &[],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq1_s_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let high = block[32 + o / 2] >> (4 * (o % 2));
            let index = block[o] as usize | (high as usize & 7) << 8;
            lattice::iq1(grids::IQ1_S[index], high & 8 != 0, codes);
        }
    },
    affine: |block, g| {
        let scale = (half_word(block, 48 + 2 * (g / 4)) >> (3 * (g % 4))) & 7;
        Affine {
            scale: d(block) * (2 * scale + 1) as f32 * 0.125,
            offset: 0.0,
        }
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 32,
    },
    pack_codes: Pack::Bytes(&[(0, 32)]),
    scale_plane: Plane {
        unit: Unit::Vec2,
        units: 3,
        per: 256,
    },
    scale_bytes: &[(32, 24)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq1_m(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 9 },
        decode: Decode::Lattice { points: 2048, bytes: 4 },
        files: &[
            lattice::SHADER_IQ1,
            ("formats/iq1_m.wgsl", include_str!("../../shaders/formats/iq1_m.wgsl")),
        ],
        consts: &[],
    },
};

/// The f16 whose nibbles are the top ones of the four half words.
fn d(block: &[u8]) -> f32 {
    let nibble = |i: usize| (half_word(block, 48 + 2 * i) >> 12) << (4 * i);
    half::f16::from_bits(nibble(0) | nibble(1) | nibble(2) | nibble(3)).to_f32()
}

//! GGUF IQ1_S: 256 weights in 50 bytes, 8 groups of 32. 0: d (f16), 2: 32 bytes, the low bits of the
//! index of a point for each eight weights, 34: a half word a group: four times three high bits, a
//! 3-bit scale, and whether the points move down or up by an eighth.
//! Weight = d · (2 scale + 1) · (point ± 1/8); codes are eighths.

use super::f16;
use super::lattice::{self, grids, half_word};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

pub(crate) static IQ1_S: Family = Family {
    name: "iq1_s",
    gguf: Some(19),
    blocks: Blocks::Fixed { len: 256, bytes: 50 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::Fixed(lattice::iq1_s_words),
    codes: |block, codes| {
        for (o, codes) in codes.chunks_mut(8).enumerate() {
            let high = half_word(block, 34 + 2 * (o / 4));
            let index = block[2 + o] as u16 | ((high >> (3 * (o % 4))) & 7) << 8;
            lattice::iq1(grids::IQ1_S[index as usize], high >> 15 == 1, codes);
        }
    },
    affine: |block, g| {
        let scale = (half_word(block, 34 + 2 * g) >> 12) & 7;
        Affine {
            scale: f16::load(block, 0) * (2 * scale + 1) as f32 * 0.125,
            offset: 0.0,
        }
    },
    unpack: None,
    code_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 32,
    },
    pack_codes: Pack::Bytes(&[(2, 32)]),
    // The half words, then d.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 9,
        per: 256,
    },
    scale_bytes: &[(34, 16), (0, 2)],
    quantize: |weights, hints, block| crate::formats::encode::lattice::iq1_s(weights, hints.importance, block),
    shader: ShaderParts {
        bits: 0,
        fields: Fields::Other { largest: 9 },
        decode: Decode::Lattice { points: 2048, bytes: 4 },
        files: &[
            lattice::SHADER_IQ1,
            ("formats/iq1_s.wgsl", include_str!("../../shaders/formats/iq1_s.wgsl")),
        ],
        consts: &[],
    },
};

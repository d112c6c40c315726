//! GGUF IQ4_XS: 256 weights in 136 bytes, 8 groups of 32.
//! 0: d (f16), 2: high bit pairs of the scales (u16, group g at bit 2g), 4: their low nibbles (4
//! bytes, group g in nibble g), 8: 16 bytes a group, nibbles as in IQ4_NL.
//! Weight = d · (6-bit scale - 32) · LEVELS[nibble].

use super::iq4_nl::{LEVELS, join_nibbles};
use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts, Table,
    Unit,
};
use crate::formats::encode::range::{extreme, inverse};
use crate::formats::encode::{
    importance::{mean_square, weigh},
    iq4_search,
    k_search::{check_ranges, nearest},
};
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    for (codes, bytes) in codes.chunks_exact_mut(32).zip(block[8..].chunks_exact(16)) {
        lanes::put(codes, lanes::nibbles(simd, bytes), 0);
    }
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], g: usize) -> Affine {
    let low = (block[4 + g / 2] >> (4 * (g % 2))) & 15;
    let high = (block[2 + g / 4] >> (2 * (g % 4))) & 3;
    Affine {
        scale: f16::load_at(simd, block, 0) * ((low | high << 4) as f32 - 32.0),
        offset: 0.0,
    }
}

pub(crate) static IQ4_XS: Family = Family {
    name: "iq4_xs",
    gguf: Some(23),
    blocks: Blocks::Fixed { len: 256, bytes: 136 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Table(&LEVELS),
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(256, 136, 32, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(8, 128)]),
    scale_plane: Plane {
        unit: Unit::Vec2,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(0, 8)],
    quantize,
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 0 },
        decode: Decode::Table,
        files: &[("formats/iq4_xs.wgsl", include_str!("../../shaders/formats/iq4_xs.wgsl"))],
        consts: &[],
    },
};

/// ggml's `quantize_iq4_xs`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, hints.importance)?;
    let mut scales = [0f32; 8];
    let spread = mean_square(weights, 2.0);
    for (g, (scale, x)) in scales.iter_mut().zip(weights.chunks(32)).enumerate() {
        let mut w = [0f32; 32];
        let w = hints.importance.map(|importance| {
            weigh(x, &importance[32 * g..], spread, &mut w);
            &w[..]
        });
        *scale = iq4_search::scale(&LEVELS, x, w);
    }
    let max_scale = extreme(&scales);
    let d = -max_scale / 32.0;
    block[..8].fill(0);
    f16::store(block, 0, d)?;
    for (g, x) in weights.chunks(32).enumerate() {
        let scale = nearest(inverse(d) * scales[g]).clamp(-32, 31);
        // The codes belong to the scale before d is rounded to f16.
        let inverse = inverse(d * scale as f32);
        join_nibbles(x, &mut block[8 + 16 * g..], |x| {
            iq4_search::nearest(&LEVELS, inverse * x)
        });
        let field = (scale + 32) as u8;
        block[4 + g / 2] |= (field & 15) << (4 * (g % 2));
        block[2 + g / 4] |= (field >> 4) << (2 * (g % 4));
    }
    Ok(())
}

//! GGUF IQ4_NL: 32 weights in 18 bytes. 0: d (f16), 2: 16 bytes of nibbles as in Q4_0.
//! Weight = d · LEVELS[nibble]. No level is zero: a zero weight in a block of others becomes d.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::importance::{mean_square, weigh};
use crate::formats::encode::range::inverse;
use crate::formats::encode::{iq4_search, k_search::check_ranges};
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    lanes::put(codes, lanes::nibbles(simd, &block[2..]), 0);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

/// ggml's levels for weights that lie denser around zero. IQ4_XS has the same.
pub(super) static LEVELS: [f32; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0,
];

pub(crate) static IQ4_NL: Family = Family {
    name: "iq4_nl",
    gguf: Some(20),
    blocks: Blocks::Fixed { len: 32, bytes: 18 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Table(&LEVELS),
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 18, 32, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(2, 16)]),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, hints, block| {
        check_ranges(weights, hints.importance)?;
        let mut w = [0f32; 32];
        let spread = mean_square(weights, 2.0);
        let w = hints.importance.map(|importance| {
            weigh(weights, importance, spread, &mut w);
            &w[..]
        });
        let scale = iq4_search::scale(&LEVELS, weights, w);
        f16::store(block, 0, scale)?;
        // The codes belong to the scale before it is rounded to f16, as in ggml.
        let inverse = inverse(scale);
        join_nibbles(weights, &mut block[2..], |x| iq4_search::nearest(&LEVELS, inverse * x));
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 0 },
        decode: Decode::Table,
        files: &[("formats/iq4_nl.wgsl", include_str!("../../shaders/formats/iq4_nl.wgsl"))],
        consts: &[],
    },
};

/// The bytes that [`lanes::nibbles`] reads, from the code of each of 32 weights.
pub(super) fn join_nibbles(weights: &[f32], bytes: &mut [u8], code: impl Fn(f32) -> u8) {
    let (first, second) = weights.split_at(16);
    for ((&f, &s), byte) in first.iter().zip(second).zip(bytes) {
        *byte = code(f) | code(s) << 4;
    }
}

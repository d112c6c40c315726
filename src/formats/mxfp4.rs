//! GGUF MXFP4: 32 weights in 17 bytes. 0: e, a power of two (E8M0), 1: 16 bytes of nibbles as in
//! Q4_0. Weight = 2^(e - 128) · LEVELS[nibble].
//!
//! Scales of e = 0 and 1 are subnormal floats, which a GPU may flush to zero: their weights, all
//! under 2^-123, are exact on the CPU and may be 0 on a device. From e = 2 on both are exact.

use super::bits;
use super::iq4_nl::join_nibbles;
use super::lanes;
use super::rows::{plain, rows};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::range::max_abs;
use fearless_simd::{prelude::*, u8x32};

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    // Nibble 8, a negative zero in the OCP specification, is a plain zero in ggml. It is read as
    // 0, since a driver may give the zero of `select(0.0, -1.0, ..)` either sign (lavapipe does).
    let fields = lanes::nibbles(simd, &block[1..]);
    let zero = u8x32::splat(simd, 0);
    lanes::put(codes, fields.simd_eq(8).select(zero, fields), 0);
}

#[inline(always)]
fn affine<V: Simd>(_: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: half_scale(block[0]),
        offset: 0.0,
    }
}

/// The values of E2M1, doubled as in ggml: then half the scale is finite for every e.
pub(super) static LEVELS: [f32; 16] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0,
];

pub(crate) static MXFP4: Family = Family {
    name: "mxfp4",
    gguf: Some(39),
    blocks: Blocks::Fixed { len: 32, bytes: 17 },
    floats: &[(0, ScaleType::E8M0)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Table(&LEVELS),
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 17, 32, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Codes(bits::pack::<4, 0>),
    // The smallest unit is two bytes, so it serves two blocks.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 64,
    },
    scale_bytes: &[(0, 1)],
    quantize: |weights, _, block| {
        let max = max_abs(weights);
        // The largest weight falls into 4..8 times the scale. Where e would be negative, 0.
        let e = match max {
            0.0 => 0,
            _ => (max.log2().floor() + 125.0) as u8,
        };
        block[0] = e;
        let scale = half_scale(e);
        join_nibbles(weights, &mut block[1..], |x| nearest(scale, x));
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 0 },
        decode: Decode::Table,
        files: &[("formats/mxfp4.wgsl", include_str!("../../shaders/formats/mxfp4.wgsl"))],
        consts: &[],
    },
};

/// 2^(e - 128), from its bits.
#[inline(always)]
fn half_scale(e: u8) -> f32 {
    f32::from_bits(match e {
        0 | 1 => 0x0020_0000 << e,
        _ => (e as u32 - 1) << 23,
    })
}

/// The code whose weight is nearest to `x`; of several as near, the first.
pub(super) fn nearest(scale: f32, x: f32) -> u8 {
    let error = |code: usize| (LEVELS[code] * scale - x).abs();
    (1..16).fold(0, |best, code| if error(code) < error(best) { code } else { best }) as u8
}

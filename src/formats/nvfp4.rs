//! GGUF NVFP4: 64 weights in 36 bytes, 4 groups of 16. 0: four scales (floats of 8 bits without a
//! sign, UE4M3), 4: 8 bytes a group, nibbles j and j + 8 in byte j. Weight = scale · LEVELS[nibble].
//!
//! A tensor's global scale, where there is one, is a tensor of its own: see [`crate::Linear`].

use super::bits;
use super::lanes;
use super::mxfp4::LEVELS;
use super::rows::{plain, rows};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::range::max_abs;
use fearless_simd::{prelude::*, u8x32, u64x4};

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    for (codes, bytes) in codes.chunks_exact_mut(32).zip(block[4..].as_chunks::<16>().0) {
        // Two groups: low nibbles of eight bytes, then the high ones.
        let (first, second) = (
            u64::from_le_bytes(*bytes.first_chunk().expect("16 bytes")),
            u64::from_le_bytes(*bytes.last_chunk().expect("16 bytes")),
        );
        let words = [first, first >> 4, second, second >> 4];
        let fields: u8x32<S> = (u64x4::simd_from(simd, words) & 0x0f0f_0f0f_0f0f_0f0f).bitcast();
        // Nibble 8 is a plain zero, as in MXFP4.
        let zero = u8x32::splat(simd, 0);
        lanes::put(codes, fields.simd_eq(8).select(zero, fields), 0);
    }
}

#[inline(always)]
fn affine<V: Simd>(_: V, block: &[u8], g: usize) -> Affine {
    Affine {
        scale: half_scale(block[g]),
        offset: 0.0,
    }
}

pub(crate) static NVFP4: Family = Family {
    name: "nvfp4",
    gguf: Some(40),
    blocks: Blocks::Fixed { len: 64, bytes: 36 },
    floats: &[
        (0, ScaleType::E4M3),
        (1, ScaleType::E4M3),
        (2, ScaleType::E4M3),
        (3, ScaleType::E4M3),
    ],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Table(&LEVELS),
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(64, 36, 16, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Codes(bits::pack::<4, 0>),
    scale_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 64,
    },
    scale_bytes: &[(0, 4)],
    quantize: |weights, _, block| {
        block.fill(0);
        for (g, weights) in weights.chunks(16).enumerate() {
            let e = nearest_scale(max_abs(weights) / 6.0);
            block[g] = e;
            let scale = half_scale(e);
            for (i, &w) in weights.iter().enumerate() {
                let code = super::mxfp4::nearest(scale, w);
                block[4 + 8 * g + i % 8] |= code << (4 * (i / 8));
            }
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 0 },
        decode: Decode::Table,
        files: &[("formats/nvfp4.wgsl", include_str!("../../shaders/formats/nvfp4.wgsl"))],
        consts: &[],
    },
};

/// Half the scale, since the levels are doubled. The sign bit is ignored, except for the byte that ggml treats as NaN,
/// 127: that is a zero, while 255 is 480.
#[inline(always)]
fn half_scale(e: u8) -> f32 {
    if e == 127 {
        return 0.0;
    }
    match e & 127 {
        e @ 0..8 => e as f32 * 2f32.powi(-10),
        e => f32::from_bits(((e as u32) << 20) + (119 << 23)),
    }
}

/// ggml's rounding: half up on three bits of mantissa, at most 448.
fn nearest_scale(x: f32) -> u8 {
    if !(x > 0.0) {
        return 0;
    }
    let bits = x.min(448.0).to_bits();
    let exponent = (bits >> 23) as i32 - 120;
    if exponent <= 0 {
        return ((x * 512.0 + 0.5) as u8).min(7);
    }
    // Rounding may carry into the exponent, as it should.
    let rounded = ((bits >> 19) - (120 << 4) + 1) >> 1;
    rounded.min(126) as u8
}

//! GGUF Q2_K: 256 weights in 84 bytes, 16 groups of 16.
//! 0: 16 bytes, each a 4-bit scale (low) and minimum, 16: 64 bytes, 80: d (f16), 82: dmin (f16).
//! In each half block of 128, weights 32q + l take bit pair q of byte l.
//! Weight = d · scale · code - dmin · min.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts, Table,
    Unit,
};
use crate::formats::encode::importance::{mean_square, weigh};
use crate::formats::encode::k_search::{Ranges, check_ranges, nearest, scale_and_min, shared_scale};
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    lanes::put_bit_pairs(simd, codes, &block[16..80], 0);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], g: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 80) * (block[g] & 15) as f32,
        offset: -(f16::load_at(simd, block, 82) * (block[g] >> 4) as f32),
    }
}

/// The ranges that ggml tries without importance.
const RANGES: Ranges = Ranges {
    from: -0.5,
    step: 0.1,
    steps: 15,
    absolute: true,
};

pub(crate) static Q2_K: Family = Family {
    name: "q2_k",
    gguf: Some(10),
    blocks: Blocks::Fixed { len: 256, bytes: 84 },
    floats: &[(80, ScaleType::F16), (82, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(256, 84, 16, codes, affine),
    code_plane: bits::plane(2),
    pack_codes: Pack::Codes(bits::pack::<2, 0>),
    // Scales and minima, then d and dmin.
    scale_plane: Plane {
        unit: Unit::Word,
        units: 5,
        per: 256,
    },
    scale_bytes: &[(0, 16), (80, 4)],
    quantize,
    shader: ShaderParts {
        bits: 2,
        fields: Fields::Linear { step: 1, offset: 0 },
        decode: Decode::Offset,
        files: &[("formats/q2_k.wgsl", include_str!("../../shaders/formats/q2_k.wgsl"))],
        consts: &[],
    },
};

/// ggml's `quantize_row_q2_K_ref` and, with importance, `quantize_row_q2_K_impl`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, hints.importance)?;
    let mut codes = [0u8; 256];
    let (mut scales, mut mins, mut totals) = ([0f32; 16], [0f32; 16], [0f32; 16]);
    let spread = mean_square(weights, 1.0);
    for (g, x) in weights.chunks(16).enumerate() {
        let mut w = [0f32; 16];
        let ranges = if let Some(importance) = hints.importance {
            totals[g] = weigh(x, &importance[16 * g..], spread, &mut w);
            Ranges::WEIGHTED
        } else {
            for (w, x) in w.iter_mut().zip(x) {
                *w = x.abs();
            }
            RANGES
        };
        let codes = &mut codes[16 * g..16 * g + 16];
        (scales[g], mins[g]) = scale_and_min(3, x, &w, codes, &ranges);
    }
    let totals = hints.importance.map(|_| &totals[..]);
    let (mut scale_fields, mut min_fields) = ([0u8; 16], [0u8; 16]);
    let d = shared_scale(15, &scales, totals, &mut scale_fields);
    let dmin = shared_scale(15, &mins, totals, &mut min_fields);
    f16::store(block, 80, d)?;
    f16::store(block, 82, dmin)?;
    for (g, (scale, min)) in scale_fields.iter().zip(min_fields).enumerate() {
        block[g] = scale | min << 4;
    }
    // All codes are chosen again for the scales as stored.
    for g in 0..16 {
        let Affine { scale, offset } = (Q2_K.affine)(block, g);
        if scale != 0.0 {
            for (code, x) in codes[16 * g..].iter_mut().zip(&weights[16 * g..16 * g + 16]) {
                *code = nearest((x - offset) / scale).clamp(0, 3) as u8;
            }
        }
    }
    for (bytes, codes) in block[16..80].chunks_mut(32).zip(codes.chunks(128)) {
        for (l, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, q| byte | codes[32 * q + l] << (2 * q));
        }
    }
    Ok(())
}

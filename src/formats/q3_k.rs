//! GGUF Q3_K: 256 weights in 110 bytes, 16 groups of 16.
//! 0: 32 bytes of high bits (bit q of byte l for weight 32q + l), 32: 64 bytes of low bit pairs as in
//! Q2_K, 96: 12 bytes of 6-bit scales, 108: d (f16). Weight = d · (scale - 32) · (3-bit code - 4).

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts, Table,
    Unit,
};
use crate::formats::encode::importance::{mean_square, weigh};
use crate::formats::encode::k_search::{check_ranges, nearest, symmetric_scale, three_bit_scale};
use crate::formats::encode::range::extreme;
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let (high, low) = block[..96].split_at(32);
    for (part, codes) in codes.chunks_exact_mut(32).enumerate() {
        let low = lanes::field_at::<S, 2>(simd, &low[32 * (part / 4)..], 2 * (part % 4));
        let high = lanes::field_at::<S, 1>(simd, high, part) << 2;
        lanes::put(codes, low | high, 4);
    }
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], g: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 108) * (scale(&block[96..108], g) as i32 - 32) as f32,
        offset: 0.0,
    }
}

pub(crate) static Q3_K: Family = Family {
    name: "q3_k",
    gguf: Some(11),
    blocks: Blocks::Fixed { len: 256, bytes: 110 },
    floats: &[(108, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(256, 110, 16, codes, affine),
    code_plane: bits::plane(3),
    pack_codes: Pack::Codes(bits::pack::<3, 4>),
    // Scales as they are stored, then d.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 7,
        per: 256,
    },
    scale_bytes: &[(96, 14)],
    quantize,
    shader: ShaderParts {
        bits: 3,
        fields: Fields::Linear { step: 1, offset: 4 },
        decode: Decode::Offset,
        files: &[("formats/q3_k.wgsl", include_str!("../../shaders/formats/q3_k.wgsl"))],
        consts: &[],
    },
};

/// The 6-bit scale of group `g`: a nibble of the first eight bytes, a bit pair of the last four.
#[inline(always)]
fn scale(s: &[u8], g: usize) -> u8 {
    let low = (s[g % 8] >> (4 * (g / 8))) & 15;
    let high = (s[8 + g % 4] >> (2 * (g / 4))) & 3;
    low | high << 4
}

/// ggml's `quantize_row_q3_K_ref` and, with importance, `quantize_row_q3_K_impl`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, hints.importance)?;
    block.fill(0);
    let mut codes = [0u8; 256];
    let (mut scales, mut totals) = ([0f32; 16], [0f32; 16]);
    let spread = mean_square(weights, 2.0);
    for (g, x) in weights.chunks(16).enumerate() {
        let codes = &mut codes[16 * g..16 * g + 16];
        scales[g] = if let Some(importance) = hints.importance {
            let mut w = [0f32; 16];
            totals[g] = weigh(x, &importance[16 * g..], spread, &mut w);
            symmetric_scale(4, x, Some(&w), codes)
        } else {
            three_bit_scale(x, codes)
        };
    }
    let mut fields = [0u8; 16];
    let d = if hints.importance.is_some() {
        symmetric_scale(32, &scales, Some(&totals), &mut fields)
    } else {
        largest_scale(&scales, &mut fields)
    };
    f16::store(block, 108, d)?;
    for (g, field) in fields.iter().enumerate() {
        block[96 + g % 8] |= (field & 15) << (4 * (g / 8));
        block[104 + g % 4] |= (field >> 4) << (2 * (g / 4));
    }
    // All codes are chosen again for the scales as stored.
    for g in 0..16 {
        let Affine { scale, .. } = (Q3_K.affine)(block, g);
        if scale != 0.0 {
            for (code, x) in codes[16 * g..].iter_mut().zip(&weights[16 * g..16 * g + 16]) {
                *code = (nearest(x / scale).clamp(-4, 3) + 4) as u8;
            }
        }
    }
    for (q, codes) in codes.chunks(32).enumerate() {
        for (l, code) in codes.iter().enumerate() {
            block[l] |= (code >> 2) << q;
            block[32 + 32 * (q / 4) + l] |= (code & 3) << (2 * (q % 4));
        }
    }
    Ok(())
}

/// The d that makes the largest scale -32, and the fields of all of them.
fn largest_scale(scales: &[f32; 16], fields: &mut [u8; 16]) -> f32 {
    let max_scale = extreme(scales);
    // Without any scale, d and the fields stay zero and the codes are stored as they were found.
    if max_scale == 0.0 {
        return 0.0;
    }
    let inverse = -32.0 / max_scale;
    for (field, scale) in fields.iter_mut().zip(scales) {
        *field = (nearest(inverse * scale).clamp(-32, 31) + 32) as u8;
    }
    1.0 / inverse
}

//! GGUF Q6_K: 256 weights in 210 bytes, 16 groups of 16.
//! 0: 128 bytes of low nibbles, 128: 64 bytes of high bit pairs, 192: 16 scales (i8), 208: d (f16).
//! In each half block of 128, weights 32q + l take nibble q / 2 of low byte 32(q % 2) + l and bit
//! pair q of high byte l. Weight = d · scale · (6-bit code - 32).

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts, Table,
    Unit,
};
use crate::formats::encode::k_search::{check_ranges, nearest, symmetric_scale};
use crate::formats::encode::range::extreme;
use fearless_simd::{prelude::*, u8x64};

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let (low, high) = block[..192].split_at(128);
    let halves = low.chunks_exact(64).zip(high.chunks_exact(32));
    for ((low, high), codes) in halves.zip(codes.chunks_exact_mut(128)) {
        let low = u8x64::from_slice(simd, low);
        let [first, second] = lanes::bit_pairs(simd, high);
        lanes::put_64(&mut codes[..64], (low & 15) | (first << 4), 32);
        lanes::put_64(&mut codes[64..], (low >> 4) | (second << 4), 32);
    }
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], g: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 208) * block[192 + g] as i8 as f32,
        offset: 0.0,
    }
}

pub(crate) static Q6_K: Family = Family {
    name: "q6_k",
    gguf: Some(14),
    blocks: Blocks::Fixed { len: 256, bytes: 210 },
    floats: &[(208, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(256, 210, 16, codes, affine),
    code_plane: bits::plane(6),
    pack_codes: Pack::Codes(bits::pack::<6, 32>),
    // Eight pairs of scales, then d.
    scale_plane: Plane {
        unit: Unit::Half,
        units: 9,
        per: 256,
    },
    scale_bytes: &[(192, 18)],
    quantize,
    shader: ShaderParts {
        bits: 6,
        fields: Fields::Linear { step: 1, offset: 32 },
        decode: Decode::Offset,
        files: &[("formats/q6_k.wgsl", include_str!("../../shaders/formats/q6_k.wgsl"))],
        consts: &[],
    },
};

/// ggml's `quantize_row_q6_K_ref` and, with importance (as it is), `quantize_row_q6_K_impl`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, hints.importance)?;
    block.fill(0);
    let mut codes = [0u8; 256];
    let mut scales = [0f32; 16];
    for (g, x) in weights.chunks(16).enumerate() {
        let importance = hints.importance.map(|i| &i[16 * g..16 * g + 16]);
        scales[g] = symmetric_scale(32, x, importance, &mut codes[16 * g..16 * g + 16]);
    }
    let max_scale = extreme(&scales);
    if max_scale.abs() < 1e-15 {
        return Ok(()); // all bytes zero, as ggml leaves them
    }
    let inverse = -128.0 / max_scale;
    f16::store(block, 208, 1.0 / inverse)?;
    for g in 0..16 {
        block[192 + g] = nearest(inverse * scales[g]).min(127) as i8 as u8;
    }
    for g in 0..16 {
        let Affine { scale, .. } = (Q6_K.affine)(block, g);
        if scale != 0.0 {
            for (code, x) in codes[16 * g..].iter_mut().zip(&weights[16 * g..16 * g + 16]) {
                *code = (nearest(x / scale).clamp(-32, 31) + 32) as u8;
            }
        }
    }
    for (h, codes) in codes.chunks(128).enumerate() {
        for l in 0..32 {
            let q = [codes[l], codes[l + 32], codes[l + 64], codes[l + 96]];
            block[64 * h + l] = (q[0] & 15) | (q[2] & 15) << 4;
            block[64 * h + 32 + l] = (q[1] & 15) | (q[3] & 15) << 4;
            block[128 + 32 * h + l] = (q[0] >> 4) | (q[1] >> 4) << 2 | (q[2] >> 4) << 4 | (q[3] >> 4) << 6;
        }
    }
    Ok(())
}

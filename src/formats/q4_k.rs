//! GGUF Q4_K: 256 weights in 144 bytes, 8 groups of 32.
//! 0: d (f16), 2: dmin (f16), 4: 12 bytes of 6-bit scales and minima, 16: 128 bytes; groups 2p and
//! 2p + 1 are the low and high nibbles of bytes 32p..32p + 32. Weight = d · scale · code - dmin · min.

use super::{bits, f16};
use crate::family::{Affine, AffineKind, Blocks, Family, Plane, QuantizeError, ShaderParts, Unit};
use crate::quantize::k_search::{check_range, nearest, scale_and_min};

pub(crate) static Q4_K: Family = Family {
    name: "q4_k",
    gguf: Some(12),
    blocks: Blocks::Fixed {
        len: 256,
        bytes: 144,
    },
    floats: &[(0, 2), (2, 2)],
    group: 32,
    affine_kind: AffineKind::ScaleBias,
    table: None,
    codes: |block, codes| {
        for (pair, bytes) in codes.chunks_mut(64).zip(block[16..].chunks(32)) {
            let (low, high) = pair.split_at_mut(32);
            for ((l, h), &byte) in low.iter_mut().zip(high).zip(bytes) {
                *l = (byte & 15) as i8;
                *h = (byte >> 4) as i8;
            }
        }
    },
    affine: |block, g| {
        let (scale, min) = scale_min(&block[4..16], g);
        Affine {
            scale: f16::load(block, 0) * scale as f32,
            offset: -(f16::load(block, 2) * min as f32),
        }
    },
    code_plane: bits::plane(4),
    pack_codes: bits::pack::<4, 0>,
    scale_plane: Plane {
        unit: Unit::Vec4,
        units: 1,
        per: 256,
    },
    pack_scales: |block, units| units.copy_from_slice(&block[..16]),
    quantize,
    shader: ShaderParts {
        files: &[
            bits::shader!(4),
            ("formats/q4_k.wgsl", include_str!("../../shaders/formats/q4_k.wgsl")),
        ],
        consts: &[],
    },
};

/// The 6-bit scale and minimum of group `g`. Those of groups 4 to 7 are split: four bits in the
/// last four bytes, two in the top of the first eight.
fn scale_min(s: &[u8], g: usize) -> (u8, u8) {
    if g < 4 {
        (s[g] & 63, s[g + 4] & 63)
    } else {
        (
            (s[g + 4] & 15) | (s[g - 4] >> 6) << 4,
            (s[g + 4] >> 4) | (s[g] >> 6) << 4,
        )
    }
}

fn set_scale_min(s: &mut [u8], g: usize, scale: u8, min: u8) {
    if g < 4 {
        s[g] |= scale;
        s[g + 4] |= min;
    } else {
        s[g + 4] = (scale & 15) | (min & 15) << 4;
        s[g - 4] |= (scale >> 4) << 6;
        s[g] |= (min >> 4) << 6;
    }
}

/// ggml's `quantize_row_q4_K_ref`: sums in f32, one after the other, without fused multiply-add.
fn quantize(weights: &[f32], block: &mut [u8]) -> Result<(), QuantizeError> {
    check_range(weights)?;
    let mut codes = [0u8; 256];
    let (mut scales, mut mins) = ([0f32; 8], [0f32; 8]);
    for (g, x) in weights.chunks(32).enumerate() {
        let sum_x2: f32 = x.iter().fold(0.0, |s, x| s + x * x);
        let average = (sum_x2 / 32.0).sqrt();
        let mut importance = [0f32; 32];
        for (i, x) in importance.iter_mut().zip(x) {
            *i = average + x.abs();
        }
        let codes = &mut codes[32 * g..32 * g + 32];
        (scales[g], mins[g]) = scale_and_min(15, x, &importance, codes, -1.0, 0.1, 20, false);
    }
    let max_scale = scales.iter().fold(0f32, |m, &s| m.max(s));
    let max_min = mins.iter().fold(0f32, |m, &s| m.max(s));
    let inverse = |max: f32| if max > 0.0 { 63.0 / max } else { 0.0 };
    f16::store(block, 0, max_scale / 63.0)?;
    f16::store(block, 2, max_min / 63.0)?;
    block[4..16].fill(0);
    for g in 0..8 {
        let scale = nearest(inverse(max_scale) * scales[g]).min(63) as u8;
        let min = nearest(inverse(max_min) * mins[g]).min(63) as u8;
        set_scale_min(&mut block[4..16], g, scale, min);
    }
    // With the scales as stored, every code is chosen anew.
    for g in 0..8 {
        let Affine { scale, offset } = (Q4_K.affine)(block, g);
        if scale != 0.0 {
            for (code, x) in codes[32 * g..].iter_mut().zip(&weights[32 * g..32 * g + 32]) {
                *code = nearest((x - offset) / scale).clamp(0, 15) as u8;
            }
        }
    }
    for (bytes, pair) in block[16..].chunks_mut(32).zip(codes.chunks(64)) {
        for (j, byte) in bytes.iter_mut().enumerate() {
            *byte = pair[j] | pair[j + 32] << 4;
        }
    }
    Ok(())
}

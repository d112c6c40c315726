//! What Q4_K and Q5_K share: the first 16 bytes of a block, and the search that fills them.
//! 0: d (f16), 2: dmin (f16), 4: 12 bytes of 6-bit scales and minima of 8 groups of 32 weights.
//! Weight = d · scale · code - dmin · min. The twin is `shaders/scales/k_pairs.wgsl`.

use super::f16;
use crate::family::{Affine, Plane, QuantizeError, Unit};
use crate::quantize::k_search::{check_range, nearest, scale_and_min};

/// All 16 bytes as they are.
pub(super) const PLANE: Plane = Plane {
    unit: Unit::Vec4,
    units: 1,
    per: 256,
};

pub(super) const SHADER: (&str, &str) = (
    "scales/k_pairs.wgsl",
    include_str!("../../shaders/scales/k_pairs.wgsl"),
);

pub(super) fn pack(block: &[u8], units: &mut [u8]) {
    units.copy_from_slice(&block[..16]);
}

pub(super) fn affine(block: &[u8], g: usize) -> Affine {
    let (scale, min) = scale_min(&block[4..16], g);
    Affine {
        scale: f16::load(block, 0) * scale as f32,
        offset: -(f16::load(block, 2) * min as f32),
    }
}

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

/// Codes up to `top` for 256 weights; their scales and minima are stored in the first 16 bytes of
/// a block of zeros. `range_min` and `steps` say which ranges the search tries.
pub(super) fn search(
    top: i32,
    range_min: f32,
    steps: usize,
    weights: &[f32],
    block: &mut [u8],
) -> Result<[u8; 256], QuantizeError> {
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
        (scales[g], mins[g]) =
            scale_and_min(top, x, &importance, codes, range_min, 0.1, steps, false);
    }
    let max_scale = scales.iter().fold(0f32, |m, &s| m.max(s));
    let max_min = mins.iter().fold(0f32, |m, &s| m.max(s));
    let inverse = |max: f32| if max > 0.0 { 63.0 / max } else { 0.0 };
    f16::store(block, 0, max_scale / 63.0)?;
    f16::store(block, 2, max_min / 63.0)?;
    for g in 0..8 {
        let scale = nearest(inverse(max_scale) * scales[g]).clamp(0, 63) as u8;
        let min = nearest(inverse(max_min) * mins[g]).clamp(0, 63) as u8;
        set_scale_min(&mut block[4..16], g, scale, min);
    }
    // With the scales as stored, every code is chosen anew.
    for g in 0..8 {
        let Affine { scale, offset } = affine(block, g);
        if scale != 0.0 {
            for (code, x) in codes[32 * g..]
                .iter_mut()
                .zip(&weights[32 * g..32 * g + 32])
            {
                *code = nearest((x - offset) / scale).clamp(0, top) as u8;
            }
        }
    }
    Ok(codes)
}

/// Of groups 4 to 7 the low four bits go to the last four bytes, the rest to the top of the others.
fn set_scale_min(s: &mut [u8], g: usize, scale: u8, min: u8) {
    if g < 4 {
        s[g] |= scale;
        s[g + 4] |= min;
    } else {
        s[g + 4] |= (scale & 15) | (min & 15) << 4;
        s[g - 4] |= (scale >> 4) << 6;
        s[g] |= (min >> 4) << 6;
    }
}

//! Common parts of Q4_K and Q5_K: the first 16 bytes of a block, and the search that fills them.
//! 0: d (f16), 2: dmin (f16), 4: 12 bytes of 6-bit scales and minima of 8 groups of 32 weights.
//! Weight = d · scale · code - dmin · min. The twin is `shaders/scales/k_pairs.wgsl`.

use super::f16;
use crate::family::{Affine, Hints, Plane, QuantizeError, Unit};
use crate::formats::encode::importance::{mean_square, weigh};
use crate::formats::encode::k_search::{Ranges, check_ranges, nearest, scale_and_min, shared_scale};
use crate::simd::at_baseline;
use fearless_simd::Simd;

pub(super) const BYTES: &[(usize, usize)] = &[(0, 16)];

pub(super) const PLANE: Plane = Plane {
    unit: Unit::Vec4,
    units: 1,
    per: 256,
};

pub(super) const SHADER: (&str, &str) = ("scales/k_pairs.wgsl", include_str!("../../shaders/scales/k_pairs.wgsl"));

#[inline(always)]
pub(super) fn affine<S: Simd>(simd: S, block: &[u8], g: usize) -> Affine {
    let (scale, min) = scale_min(&block[4..16], g);
    Affine {
        scale: f16::load_at(simd, block, 0) * scale as f32,
        offset: -(f16::load_at(simd, block, 2) * min as f32),
    }
}

/// The 6-bit scale and minimum of group `g`. Those of groups 4 to 7 are split: four bits in the
/// last four bytes, two in the top of the first eight.
#[inline(always)]
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
/// a block of zeros. `ranges` are those to be tried without importance.
pub(super) fn search(
    top: i32,
    ranges: &Ranges,
    weights: &[f32],
    hints: &Hints,
    block: &mut [u8],
) -> Result<[u8; 256], QuantizeError> {
    check_ranges(weights, hints.importance)?;
    let mut codes = [0u8; 256];
    let (mut scales, mut mins, mut totals) = ([0f32; 8], [0f32; 8], [0f32; 8]);
    let spread = mean_square(weights, 2.0);
    for (g, x) in weights.chunks(32).enumerate() {
        let mut w = [0f32; 32];
        let ranges = if let Some(importance) = hints.importance {
            totals[g] = weigh(x, &importance[32 * g..], spread, &mut w);
            &Ranges::WEIGHTED
        } else {
            let average = mean_square(x, 1.0).sqrt();
            for (w, x) in w.iter_mut().zip(x) {
                *w = average + x.abs();
            }
            ranges
        };
        let codes = &mut codes[32 * g..32 * g + 32];
        (scales[g], mins[g]) = scale_and_min(top, x, &w, codes, ranges);
    }
    let totals = hints.importance.map(|_| &totals[..]);
    let (mut scale_fields, mut min_fields) = ([0u8; 8], [0u8; 8]);
    let d = shared_scale(63, &scales, totals, &mut scale_fields);
    let dmin = shared_scale(63, &mins, totals, &mut min_fields);
    f16::store(block, 0, d)?;
    f16::store(block, 2, dmin)?;
    for (g, (&scale, min)) in scale_fields.iter().zip(min_fields).enumerate() {
        set_scale_min(&mut block[4..16], g, scale, min);
    }
    // All codes are chosen again for the scales as stored.
    for g in 0..8 {
        let Affine { scale, offset } = at_baseline!(simd => affine(simd, block, g));
        if scale != 0.0 {
            for (code, x) in codes[32 * g..].iter_mut().zip(&weights[32 * g..32 * g + 32]) {
                *code = nearest((x - offset) / scale).clamp(0, top) as u8;
            }
        }
    }
    Ok(codes)
}

/// For groups 4 to 7 the low four bits go to the last four bytes, the rest to the top bits of the others.
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

//! The searches behind GGUF's K formats, after ggml's `make_qkx2_quants`, `make_qkx3_quants`,
//! `make_qx_quants`, `make_q3_quants` and `make_qp_quants`.
//!
//! Byte equality with ggml depends on the order of operations: sums run in f32 from the first weight to the last,
//! products are rounded before they are added, and ties round to even.

use crate::family::QuantizeError;
use crate::formats::encode::range::{extreme, largest, max_abs, span};
use crate::simd::{self, at_level};

/// Refuses weights whose squares overflow in the searches below, which would silently give wrong codes.
pub(crate) fn check_range(weights: &[f32]) -> Result<(), QuantizeError> {
    // Above the range of any block (f16 times 8-bit scale times code), and small enough for all sums below to be
    // finite.
    at_most(1e9, weights)
}

/// Like `check_range`; also refuses importance that would overflow the same sums.
pub(crate) fn check_ranges(weights: &[f32], importance: Option<&[f32]>) -> Result<(), QuantizeError> {
    check_range(weights)?;
    at_most(1e15, importance.unwrap_or_default())
}

fn at_most(limit: f32, values: &[f32]) -> Result<(), QuantizeError> {
    let max = max_abs(values);
    if max > limit {
        return Err(QuantizeError { scale: max, limit });
    }
    Ok(())
}

/// The nearest integer, ties to even, clamped to ±4 million; -4 million for NaN.
#[inline(always)]
#[allow(clippy::manual_clamp)] // `clamp` would keep NaN
pub(crate) fn nearest(x: f32) -> i32 {
    // A float of this size has no fraction bits, so adding it rounds; this is fast on processors without a rounding
    // instruction too.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.max(-4e6).min(4e6);
    (x + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32
}

/// The ranges that [`scale_and_min`] tries: the largest weight is `from + i * step` codes above the last code, i from 0
/// to `steps`.
pub(crate) struct Ranges {
    pub from: f32,
    pub step: f32,
    pub steps: usize,
    /// Compares absolute errors instead of squared ones.
    pub absolute: bool,
}

impl Ranges {
    /// The ranges that ggml tries with importance.
    pub const WEIGHTED: Ranges = Ranges {
        from: -0.9,
        step: 0.05,
        steps: 36,
        absolute: false,
    };
}

/// The scale and minimum (as a value to subtract) with small errors `scale · code - min - x` for codes `0..=top`,
/// weighted by `importance`.
///
/// Starts from the range of `x`, then tries slightly different ranges, each followed by a least-squares fit of scale
/// and minimum, and keeps the best by squared (or absolute) error. As in ggml, an accepted minimum also shifts the
/// later candidates.
pub(crate) fn scale_and_min(top: i32, x: &[f32], importance: &[f32], codes: &mut [u8], ranges: &Ranges) -> (f32, f32) {
    // The same operations in the same order, compiled for each level of SIMD.
    at_level!(simd::best(), _simd => scale_and_min_at(top, x, importance, codes, ranges))
}

#[inline(always)]
fn scale_and_min_at(top: i32, x: &[f32], importance: &[f32], codes: &mut [u8], ranges: &Ranges) -> (f32, f32) {
    let (mut min, max) = span(x);
    let mut sum_w = importance[0];
    let mut sum_x = sum_w * x[0];
    for (&x, &w) in x.iter().zip(importance).skip(1) {
        sum_w += w;
        sum_x += w * x;
    }
    if min > 0.0 {
        min = 0.0;
    }
    if max == min {
        codes.fill(0);
        return (0.0, -min);
    }
    // There are at most 32 weights. In each loop the independent operations come first, so that they vectorize; the
    // sums, which ggml computes in order, come last.
    let mut levels = [0f32; 32];
    let level = |inverse: f32, min: f32, x: f32| nearest(inverse * (x - min)).clamp(0, top) as f32;
    let error = |scale: f32, min: f32, levels: &[f32; 32]| {
        let mut terms = [0f32; 32];
        for (((term, &x), &w), &l) in terms.iter_mut().zip(x).zip(importance).zip(levels) {
            let diff = scale * l + min - x;
            *term = w * if ranges.absolute { diff.abs() } else { diff * diff };
        }
        terms[..x.len()].iter().fold(0f32, |sum, term| sum + term)
    };
    let inverse = top as f32 / (max - min);
    let mut scale = 1.0 / inverse;
    for (l, &x) in levels.iter_mut().zip(x) {
        *l = level(inverse, min, x);
    }
    let mut best = error(scale, min, &levels);
    for step in 0..=ranges.steps {
        let inverse = (ranges.from + ranges.step * step as f32 + top as f32) / (max - min);
        let mut trial = [0f32; 32];
        for (l, &x) in trial.iter_mut().zip(x) {
            *l = level(inverse, min, x);
        }
        let (mut sum_l, mut sum_l2, mut sum_xl) = (0f32, 0f32, 0f32);
        for ((&l, &x), &w) in trial.iter().zip(x).zip(importance) {
            sum_l += w * l;
            sum_l2 += w * l * l;
            sum_xl += w * l * x;
        }
        let determinant = sum_w * sum_l2 - sum_l * sum_l;
        if determinant > 0.0 {
            let mut this_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
            let mut this_min = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
            if this_min > 0.0 {
                this_min = 0.0;
                this_scale = sum_xl / sum_l2;
            }
            let this_error = error(this_scale, this_min, &trial);
            if this_error < best {
                (best, scale, min, levels) = (this_error, this_scale, this_min, trial);
            }
        }
    }
    for (code, level) in codes.iter_mut().zip(levels) {
        *code = level as u8;
    }
    (scale, -min)
}

/// A scale, of either sign, with small errors `scale · code - x` for codes `-half..half` (stored plus `half`), weighted
/// by `importance`, or by x² without it.
///
/// `x` has at most 32 weights. The search starts with the largest magnitude at code `-half` and tries 18 slightly
/// different ranges, keeping the one with the least weighted squared error at its own best scale.
pub(crate) fn symmetric_scale(half: i32, x: &[f32], importance: Option<&[f32]>, codes: &mut [u8]) -> f32 {
    let extreme = extreme(x);
    if extreme.abs() < 1e-15 {
        codes.fill(0);
        return 0.0;
    }
    let code = |inverse: f32, x: f32| nearest(inverse * x).clamp(-half, half - 1);
    let mut w = [0f32; 32];
    let w = &mut w[..x.len()];
    match importance {
        Some(importance) => w.copy_from_slice(importance),
        None => w.iter_mut().zip(x).for_each(|(w, x)| *w = x * x),
    }
    let sums = |inverse: f32| {
        // Codes first, which are independent; the sums are sequential.
        let mut codes = [0f32; 32];
        for (l, &x) in codes.iter_mut().zip(x) {
            *l = code(inverse, x) as f32;
        }
        let (mut sum_lx, mut sum_l2) = (0f32, 0f32);
        for ((&x, &w), l) in x.iter().zip(&*w).zip(codes) {
            sum_lx += w * x * l;
            sum_l2 += w * l * l;
        }
        (sum_lx, sum_l2)
    };
    let mut chosen = -half as f32 / extreme;
    let (sum_lx, sum_l2) = sums(chosen);
    let mut scale = if sum_l2 != 0.0 { sum_lx / sum_l2 } else { 0.0 };
    let mut best = scale * sum_lx;
    for step in (-9..=9).filter(|&s| s != 0) {
        let inverse = -(half as f32 + 0.1 * step as f32) / extreme;
        let (sum_lx, sum_l2) = sums(inverse);
        if sum_l2 > 0.0 && sum_lx * sum_lx > best * sum_l2 {
            scale = sum_lx / sum_l2;
            best = scale * sum_lx;
            chosen = inverse;
        }
    }
    for (l, &x) in codes.iter_mut().zip(x) {
        *l = (code(chosen, x) + half) as u8;
    }
    scale
}

/// A scale, of either sign, with small errors `scale · code - x` for codes -4 to 3 (stored plus 4), weighted by x².
///
/// Starts with the largest magnitude at code -4, then sets one code at a time to its best value given the others, until
/// none changes, at most five times.
pub(crate) fn three_bit_scale(x: &[f32], codes: &mut [u8]) -> f32 {
    let extreme = extreme(x);
    if extreme.abs() < 1e-15 {
        codes.fill(0);
        return 0.0;
    }
    let inverse = -4.0 / extreme;
    let stored = |code: i32| (code.clamp(-4, 3) + 4) as u8;
    let level = |code: u8| code as f32 - 4.0;
    let (mut sum_lx, mut sum_l2) = (0f32, 0f32);
    for (code, &x) in codes.iter_mut().zip(x) {
        *code = stored(nearest(inverse * x));
        let (l, w) = (level(*code), x * x);
        sum_lx += w * x * l;
        sum_l2 += w * l * l;
    }
    for _ in 0..5 {
        let mut moved = false;
        for (code, &x) in codes.iter_mut().zip(x) {
            let (l, w) = (level(*code), x * x);
            // The sums without this weight determine the scale for its best code.
            let rest_lx = sum_lx - w * x * l;
            if rest_lx > 0.0 {
                let rest_l2 = sum_l2 - w * l * l;
                let trial = stored(nearest(x * rest_l2 / rest_lx));
                let l = level(trial);
                let (lx, l2) = (rest_lx + w * x * l, rest_l2 + w * l * l);
                if trial != *code && l2 > 0.0 && lx * lx * sum_l2 > sum_lx * sum_lx * l2 {
                    *code = trial;
                    (sum_lx, sum_l2) = (lx, l2);
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    // The squares of tiny weights may all have underflowed.
    if sum_l2 > 0.0 { sum_lx / sum_l2 } else { 0.0 }
}

/// The common scale of the scales (or minima) of all groups of a block, which are not negative, and their fields
/// `0..=top`. `importance` has one number for each group.
pub(crate) fn shared_scale(top: i32, x: &[f32], importance: Option<&[f32]>, fields: &mut [u8]) -> f32 {
    if let Some(importance) = importance {
        let scale = positive_scale(top, x, importance, fields);
        for field in fields {
            *field = (*field).min(top as u8);
        }
        return scale;
    }
    let max = largest(x);
    let inverse = if max > 0.0 { top as f32 / max } else { 0.0 };
    for (field, x) in fields.iter_mut().zip(x) {
        *field = nearest(inverse * x).clamp(0, top) as u8;
    }
    max / top as f32
}

/// A scale with small errors `scale · code - x` for codes `0..=top`, weighted by `importance`.
///
/// Takes the best of 9 ranges, then sets one code at a time to its best value given the others, until none changes, at
/// most five times. A few of `x` can be negative: their codes wrap at 256 where ggml stores them, on which the bytes of
/// IQ2_XXS depend.
pub(crate) fn positive_scale(top: i32, x: &[f32], importance: &[f32], codes: &mut [u8]) -> f32 {
    let max = largest(x);
    if max < 1e-15 {
        codes.fill(0);
        return 0.0;
    }
    let error = |inverse: f32, code: fn(i32) -> i32| {
        let scale = 1.0 / inverse;
        let mut sum = 0f32;
        for (&x, &w) in x.iter().zip(importance) {
            let diff = x - scale * code(nearest(inverse * x).min(top)) as f32;
            sum += w * diff * diff;
        }
        sum
    };
    let mut chosen = top as f32 / max;
    let mut best = error(chosen, |code| (code as u8).into());
    for step in (-4..=4).filter(|&s| s != 0) {
        let inverse = (0.1 * step as f32 + top as f32) / max;
        let error = error(inverse, |code| code);
        if error < best {
            (best, chosen) = (error, inverse);
        }
    }
    let (mut sum_lx, mut sum_l2) = (0f32, 0f32);
    for ((l, &x), &w) in codes.iter_mut().zip(x).zip(importance) {
        let code = nearest(chosen * x).min(top);
        *l = code as u8;
        sum_lx += w * x * code as f32;
        sum_l2 += w * code as f32 * code as f32;
    }
    for _ in 0..5 {
        let mut moved = false;
        for ((code, &x), &w) in codes.iter_mut().zip(x).zip(importance) {
            let l = *code as f32;
            // The sums without this weight determine the scale for its best code.
            let (rest_lx, rest_l2) = (sum_lx - w * x * l, sum_l2 - w * l * l);
            if rest_lx > 0.0 && rest_l2 > 0.0 {
                let trial = nearest(x * rest_l2 / rest_lx).min(top);
                let l = trial as f32;
                let (lx, l2) = (rest_lx + w * x * l, rest_l2 + w * l * l);
                if trial != i32::from(*code) && lx * lx * sum_l2 > sum_lx * sum_lx * l2 {
                    *code = trial as u8;
                    (sum_lx, sum_l2) = (lx, l2);
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    if sum_l2 > 0.0 { sum_lx / sum_l2 } else { 0.0 }
}

//! Weights as floats, sixteen at a time, rounded exactly as `dequantize` rounds them.

use super::plan::{BASE_BIAS, BIAS, Plan, SCALE, specialized};
use super::row::Row;
use super::sums::{CHAIN, CHAINS};
use fearless_simd::{f32x16, prelude::*};

/// The most rows of x that `dots` takes. With more it is faster to decode weights into memory.
pub(super) const COLUMNS: usize = 2;

/// Σ w·x over one row of weights, for each row of x. Decoded weights stay in registers.
pub(super) fn dots(plan: &Plan, row: &Row, x: &[f32], y: &mut [f32], stride: usize) {
    let (first, second) = x.split_at(plan.k);
    let base = plan.base();
    if second.is_empty() {
        let x = [first];
        specialized!(plan, plan.constant(), dots_at[1], row, x, base, y, stride)
    } else {
        let x = [first, second];
        specialized!(plan, plan.constant(), dots_at[2], row, x, base, y, stride)
    }
}

/// The weights of one row, padded with zeros as its codes are.
pub(super) fn decode(plan: &Plan, row: &Row, out: &mut [f32]) {
    specialized!(plan, plan.constant(), decode_at, row, out, plan.base());
    out[plan.k..].fill(0.0);
}

/// Vectors of 16 codes that one turn of the loop multiplies.
const AT_ONCE: usize = 8;

#[inline(always)]
fn dots_at<S: Simd, const SPAN: usize, const KIND: usize, const COUNT: usize>(
    simd: S,
    row: &Row,
    x: [&[f32]; COUNT],
    base: f32,
    y: &mut [f32],
    stride: usize,
) {
    let zero = f32x16::splat(simd, 0.0);
    // Sums in use for each row of x: few enough to stay in registers, enough that none waits for its last addition.
    let in_turn = match (S::f32s::LEN, COUNT) {
        (16, 1) => AT_ONCE,
        (16, _) => AT_ONCE / 2,
        (_, 1) => AT_ONCE / 2,
        _ => AT_ONCE / 4,
    };
    let codes = row.codes.as_chunks::<16>().0;
    let sixteens = x[0].len() / 16;
    let turns = sixteens / AT_ONCE;
    let code_turns = &codes.as_chunks::<AT_ONCE>().0[..turns];
    let mut x_turns = [x[0].as_chunks::<16>().0.as_chunks::<AT_ONCE>().0; COUNT];
    for (turns, x) in x_turns.iter_mut().zip(x) {
        *turns = x.as_chunks::<16>().0.as_chunks::<AT_ONCE>().0;
    }
    let mut totals = [0f64; COUNT];
    let chain = CHAIN * in_turn / AT_ONCE;
    for from in (0..turns).step_by(CHAINS * chain) {
        let end = turns.min(from + CHAINS * chain);
        let mut second = [zero; COUNT];
        for from in (from..end).step_by(chain) {
            let mut sums = [[zero; AT_ONCE]; COUNT];
            for i in from..end.min(from + chain) {
                let spans = Numbers::<SPAN, KIND>::of(row, AT_ONCE * i);
                for j in 0..AT_ONCE {
                    let w = weights::<S, SPAN, KIND>(simd, &code_turns[i][j], spans, j, base);
                    for (sums, x) in sums.iter_mut().zip(x_turns) {
                        let x = f32x16::simd_from(simd, x[i][j]);
                        sums[j % in_turn] = w.mul_add(x, sums[j % in_turn]);
                    }
                }
            }
            for (second, mut sums) in second.iter_mut().zip(sums) {
                for half in [4, 2, 1] {
                    for i in 0..half {
                        sums[i] += sums[i + half];
                    }
                }
                *second += sums[0];
            }
        }
        for (total, second) in totals.iter_mut().zip(second) {
            *total += second.reduce_sum() as f64;
        }
    }
    if x[0].len() > 16 * AT_ONCE * turns {
        let rest = rest_at::<S, SPAN, KIND, COUNT>(simd, row, x, base, AT_ONCE * turns);
        for (total, rest) in totals.iter_mut().zip(rest) {
            *total += rest as f64;
        }
    }
    for (y, total) in y.iter_mut().step_by(stride).zip(totals) {
        *y = total as f32;
    }
}

/// Σ w·x of what is left from sixteen `from` on: fewer sixteens than a turn has, then part of one.
#[inline(always)]
fn rest_at<S: Simd, const SPAN: usize, const KIND: usize, const COUNT: usize>(
    simd: S,
    row: &Row,
    x: [&[f32]; COUNT],
    base: f32,
    from: usize,
) -> [f32; COUNT] {
    let codes = row.codes.as_chunks::<16>().0;
    let mut sums = [f32x16::splat(simd, 0.0); COUNT];
    let mut tails = [0f32; COUNT];
    let spans = Numbers::<SPAN, KIND>::of(row, from);
    for i in from..x[0].len().div_ceil(16) {
        let w = weights::<S, SPAN, KIND>(simd, &codes[i], spans, i - from, base);
        for (c, x) in x.iter().enumerate() {
            if let Some(x) = x.as_chunks::<16>().0.get(i) {
                sums[c] = w.mul_add(f32x16::simd_from(simd, *x), sums[c]);
                continue;
            }
            // No product beyond the end: 0 times an infinite scale is NaN.
            let w: [f32; 16] = w.into();
            for (w, x) in w.iter().zip(&x[16 * i..]) {
                tails[c] += w * x;
            }
        }
    }
    for (tail, sum) in tails.iter_mut().zip(sums) {
        *tail += sum.reduce_sum();
    }
    tails
}

#[inline(always)]
fn decode_at<S: Simd, const SPAN: usize, const KIND: usize>(simd: S, row: &Row, out: &mut [f32], base: f32) {
    let (codes, _) = row.codes.as_chunks::<16>();
    let out = out.as_chunks_mut::<16>().0;
    for (i, (out, codes)) in out.chunks_mut(AT_ONCE).zip(codes.chunks(AT_ONCE)).enumerate() {
        let spans = Numbers::<SPAN, KIND>::of(row, AT_ONCE * i);
        if let (Ok(out), Ok(codes)) = (
            <&mut [_; AT_ONCE]>::try_from(&mut *out),
            <&[_; AT_ONCE]>::try_from(codes),
        ) {
            for j in 0..AT_ONCE {
                out[j] = weights::<S, SPAN, KIND>(simd, &codes[j], spans, j, base).into();
            }
            continue;
        }
        for (j, (out, codes)) in out.iter_mut().zip(codes).enumerate() {
            *out = weights::<S, SPAN, KIND>(simd, codes, spans, j, base).into();
        }
    }
}

/// The scales and offsets of `16 * AT_ONCE` codes, in slices whose lengths the compiler knows.
#[derive(Clone, Copy)]
struct Numbers<'a, const SPAN: usize, const KIND: usize> {
    scales: &'a [f32],
    offsets: &'a [f32],
}

impl<'a, const SPAN: usize, const KIND: usize> Numbers<'a, SPAN, KIND> {
    /// Those from vector `sixteen` on.
    #[inline(always)]
    fn of(row: &'a Row, sixteen: usize) -> Self {
        let count = 16 * AT_ONCE / SPAN;
        let from = 16 * sixteen / SPAN;
        Numbers {
            scales: &row.scales[from..][..count],
            offsets: match KIND {
                SCALE => &[],
                _ => &row.offsets[from..][..count],
            },
        }
    }
}

/// The weights of 16 codes, vector `i` of those that `spans` covers.
#[inline(always)]
fn weights<S: Simd, const SPAN: usize, const KIND: usize>(
    simd: S,
    codes: &[i8; 16],
    spans: Numbers<SPAN, KIND>,
    i: usize,
    base: f32,
) -> f32x16<S> {
    let mut levels = [0f32; 16];
    for (level, &code) in levels.iter_mut().zip(codes) {
        *level = code as f32;
    }
    let level = f32x16::simd_from(simd, levels);
    let scale = spread::<S, SPAN>(simd, spans.scales, i);
    match KIND {
        SCALE => scale * level,
        BIAS => scale * level + spread::<S, SPAN>(simd, spans.offsets, i),
        BASE_BIAS => scale * (level + base) + spread::<S, SPAN>(simd, spans.offsets, i),
        _ => scale * ((level + base) - spread::<S, SPAN>(simd, spans.offsets, i)),
    }
}

/// Each span's number, spread over the lanes of its weights.
#[inline(always)]
fn spread<S: Simd, const SPAN: usize>(simd: S, spans: &[f32], i: usize) -> f32x16<S> {
    match SPAN {
        32 => f32x16::splat(simd, spans[i / 2]),
        16 => f32x16::splat(simd, spans[i]),
        _ => {
            let mut lanes = [spans[2 * i]; 16];
            lanes[8..].fill(spans[2 * i + 1]);
            f32x16::simd_from(simd, lanes)
        }
    }
}

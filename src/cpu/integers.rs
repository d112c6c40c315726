//! Products of integer codes with inputs rounded to integers.
//!
//! Why the loops are as they are (docs/measurements.md has the numbers):
//! - Sums are kept in sixteen lanes, each of which takes four codes of every 64. No span is shorter than four codes, so
//!   a lane multiplies its exact integer sum by the scales of its own span and its own run, and lanes are added up only
//!   at the end of a stretch of the row (`sums.rs`).
//! - Rows are centred (`centre.rs`): what is left of their offsets is multiplied by sums of inputs, once for a span,
//!   and does not cancel with the rest.
//! - From four rows of x on, four rows of W are multiplied together: each load serves four products. With fewer, memory
//!   is what is waited for, and one row at a time keeps the reads ahead going.
//! - A single sum would wait for itself, so even and odd steps have chains of their own.

use super::dot4::dot4;
use super::inputs::{Inputs, Step};
use super::plan::{BASE_ZERO, Plan, SCALE, specialized};
use super::row::{Row, STEP};
use super::sums::{CHAIN, CHAINS};
use fearless_simd::{f32x4, f32x8, f32x16, i8x64, i32x16, prelude::*, u8x64};
use std::ops::Range;

/// Rows of weights that are unpacked and then multiplied together. With at least four rows of x each load of either
/// serves four products. With fewer rows of x the product waits for memory, and unpacking several rows at once would
/// interrupt the reads, so that the processor prefetches less.
pub(super) fn rows_at_once(m: usize) -> usize {
    match m {
        0..TILE => 1,
        _ => TILE,
    }
}

/// Rows of weights, and of x, in a tile whose sums fit in registers.
const TILE: usize = 4;

/// Steps whose products are added in f32. Their spans fill whole vectors.
const STRETCH: usize = CHAINS * CHAIN;

/// Writes row `c` of the inputs times row `r` of the weights to `y[c * rows.len() + r]`.
pub(super) fn products(plan: &Plan, rows: &[Row], inputs: &Inputs, y: &mut [f32]) {
    match <&[Row; TILE]>::try_from(rows) {
        Ok(rows) => specialized!(plan, plan.centred(), products_at[4], rows, inputs, y),
        Err(_) => {
            let row = std::array::from_ref(&rows[0]);
            specialized!(plan, plan.centred(), products_at[1], row, inputs, y)
        }
    }
}

#[inline(always)]
fn products_at<S: Simd, const SPAN: usize, const KIND: usize, const ROWS: usize>(
    simd: S,
    rows: &[Row; ROWS],
    inputs: &Inputs,
    y: &mut [f32],
) {
    let mut c = 0;
    macro_rules! x_rows {
        ($count:literal) => {
            while inputs.len() - c >= $count {
                let y = &mut y[c * ROWS..][..$count * ROWS];
                x_rows::<S, SPAN, KIND, ROWS, $count>(simd, rows, inputs, c, y);
                c += $count;
            }
        };
    }
    // 32 vector registers hold 16 sums, 16 hold 4. In `const`, so that what is never called is not compiled.
    if const { S::f32s::LEN == 16 && ROWS == TILE } {
        x_rows!(4);
    }
    x_rows!(1);
}

/// The sums of a tile, `[row of x][row of W]`.
type Tile<S, const ROWS: usize, const COUNT: usize> = [[f32x16<S>; ROWS]; COUNT];

#[inline(always)]
fn x_rows<S: Simd, const SPAN: usize, const KIND: usize, const ROWS: usize, const COUNT: usize>(
    simd: S,
    rows: &[Row; ROWS],
    inputs: &Inputs,
    first: usize,
    y: &mut [f32],
) {
    let steps = inputs.per_row;
    let mut codes = [&rows[0].codes.as_chunks::<STEP>().0[..steps]; ROWS];
    for (codes, row) in codes.iter_mut().zip(rows) {
        *codes = &row.codes.as_chunks::<STEP>().0[..steps];
    }
    let mut x = [&inputs.steps[..0]; COUNT];
    for (c, x) in x.iter_mut().enumerate() {
        *x = &inputs.steps[(first + c) * steps..][..steps];
    }
    // A single sum would wait for its own last addition: even and odd steps have one each.
    let chains = if ROWS * COUNT == 1 { 2 } else { 1 };
    let zero = [[f32x16::splat(simd, 0.0); ROWS]; COUNT];
    let mut totals = [[0f64; ROWS]; COUNT];
    for from in (0..steps).step_by(STRETCH) {
        let end = steps.min(from + STRETCH);
        let mut second = zero;
        for from in (from..end).step_by(CHAIN * chains) {
            let mut sums = [zero; 2];
            let end = end.min(from + CHAIN * chains);
            let mut i = from;
            while i + chains <= end {
                #[expect(
                    clippy::needless_range_loop,
                    reason = "with an iterator the sums leave their registers"
                )]
                for chain in 0..chains {
                    add_step::<S, SPAN, KIND, ROWS, COUNT>(simd, rows, &codes, &x, i + chain, &mut sums[chain]);
                }
                i += chains;
            }
            if i < end {
                add_step::<S, SPAN, KIND, ROWS, COUNT>(simd, rows, &codes, &x, i, &mut sums[0]);
            }
            if chains == 2 {
                sums[0][0][0] += sums[1][0][0];
            }
            add(&mut second, &sums[0]);
        }
        if KIND != SCALE {
            let len = inputs.sums.len() / inputs.len();
            // Whole vectors: the last one includes its padding.
            let spans = STEP / SPAN * from..len.min(STEP / SPAN * (from + STRETCH));
            add_offsets(simd, rows, &inputs.sums[first * len..], len, spans, &mut second);
        }
        for (totals, second) in totals.iter_mut().zip(second) {
            for (total, second) in totals.iter_mut().zip(second) {
                *total += second.reduce_sum() as f64;
            }
        }
    }
    for (totals, y) in totals.iter().zip(y.chunks_exact_mut(ROWS)) {
        for (total, y) in totals.iter().zip(y) {
            *y = *total as f32;
        }
    }
}

/// Adds the products of step `i`, 64 codes of each row with 64 inputs of each row of x.
#[inline(always)]
fn add_step<S: Simd, const SPAN: usize, const KIND: usize, const ROWS: usize, const COUNT: usize>(
    simd: S,
    rows: &[Row; ROWS],
    codes: &[&[[i8; STEP]]; ROWS],
    x: &[&[Step]; COUNT],
    i: usize,
    sums: &mut Tile<S, ROWS, COUNT>,
) {
    for (r, row) in rows.iter().enumerate() {
        let w = i8x64::simd_from(simd, codes[r][i]);
        let scale = spread::<S, SPAN>(simd, &row.scales, i);
        let middle = match KIND {
            // A shift is -128 times a sum of codes.
            BASE_ZERO => spread::<S, SPAN>(simd, &row.middles, i) * (1.0 / 128.0),
            _ => scale,
        };
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = &x[i];
            let shift = i32x16::simd_from(simd, x.shifts);
            let dot = dot4(simd, w, i8x64::simd_from(simd, x.codes), shift);
            let mut dot: f32x16<S> = dot.to_float();
            if KIND == BASE_ZERO {
                // Exact: integers of less than 24 bits.
                let shift: f32x16<S> = shift.to_float();
                dot += middle * shift;
            }
            let scales = f32x16::simd_from(simd, x.scales);
            sums[r] = (scale * dot).mul_add(scales, sums[r]);
        }
    }
}

/// Adds the remaining offsets of these spans times the sums of their inputs, of which each row of x has `len`.
#[inline(always)]
fn add_offsets<S: Simd, const ROWS: usize, const COUNT: usize>(
    simd: S,
    rows: &[Row; ROWS],
    x: &[f32],
    len: usize,
    spans: Range<usize>,
    second: &mut Tile<S, ROWS, COUNT>,
) {
    for at in spans.clone().step_by(16 * CHAIN) {
        let spans = at..spans.end.min(at + 16 * CHAIN);
        let mut sums = [[f32x16::splat(simd, 0.0); ROWS]; COUNT];
        for (r, row) in rows.iter().enumerate() {
            let offsets = row.offsets[spans.clone()].as_chunks::<16>().0;
            for (c, sums) in sums.iter_mut().enumerate() {
                let x = &x[c * len..][spans.clone()];
                for (offset, x) in offsets.iter().zip(x.as_chunks::<16>().0) {
                    let offset = f32x16::simd_from(simd, *offset);
                    sums[r] = offset.mul_add(f32x16::simd_from(simd, *x), sums[r]);
                }
            }
        }
        add(second, &sums);
    }
}

#[inline(always)]
fn add<S: Simd, const ROWS: usize, const COUNT: usize>(to: &mut Tile<S, ROWS, COUNT>, sums: &Tile<S, ROWS, COUNT>) {
    for (to, sums) in to.iter_mut().zip(sums) {
        for (to, sum) in to.iter_mut().zip(sums) {
            *to += *sum;
        }
    }
}

/// The numbers of the spans in 64 codes, one for each lane of four codes.
#[inline(always)]
fn spread<S: Simd, const SPAN: usize>(simd: S, spans: &[f32], i: usize) -> f32x16<S> {
    let per_step = STEP / SPAN;
    if S::f32s::LEN == 16 {
        // Few are loaded, so that few loads lie across two lines of the cache.
        let mut at = [0u8; 64];
        for (byte, at) in at.iter_mut().enumerate() {
            *at = (byte / 4 * 4 / SPAN * 4 + byte % 4) as u8;
        }
        let at = u8x64::simd_from(simd, at);
        let spans = &spans[per_step * i..];
        return match SPAN {
            8 => {
                let eight = f32x8::from_slice(simd, &spans[..8]);
                eight.combine(eight).swizzle_dyn(at)
            }
            _ => {
                let four = f32x4::from_slice(simd, &spans[..4]);
                f32x16::block_splat(four).swizzle_dyn_within_blocks(at)
            }
        };
    }
    let spans = &spans[per_step * i..][..per_step];
    let mut lanes = [0f32; 16];
    for (lane, value) in lanes.iter_mut().enumerate() {
        *value = spans[lane * 4 / SPAN];
    }
    f32x16::simd_from(simd, lanes)
}

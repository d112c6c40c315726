//! Products of integer codes with inputs rounded to integers.
//!
//! Sums are kept in sixteen lanes, each of which takes four codes of every 64: no span is shorter than
//! four, so a lane multiplies its exact integer sum by the scales of its own span and of its own run, and
//! lanes are added up only at the end of a stretch of the row. Rows are centred (`centre.rs`): what is left of their
//! offsets is multiplied by sums of inputs, once for a span, and does not cancel with the rest.

use super::dot4::dot4;
use super::inputs::Inputs;
use super::plan::{specialized, Plan, BASE_ZERO, SCALE};
use super::row::{Row, STEP};
use super::sums::CHAIN;
use fearless_simd::{f32x16, f32x4, f32x8, i32x16, i8x64, prelude::*, u8x64};
use std::ops::Range;

/// Rows of weights that are unpacked and then multiplied together. With four rows of x each load of either
/// serves four products. With less it is memory that is waited for, and the longer nothing is read from it, the
/// less the machine reads ahead.
pub(super) fn rows_at_once(m: usize) -> usize {
    match m {
        0..TILE => 1,
        _ => TILE,
    }
}

/// Rows of weights, and of x, in a tile whose sums stay in registers.
const TILE: usize = 4;

/// Row `c` of the inputs times row `r` of these goes to `y[c * rows.len() + r]`.
pub(super) fn products(plan: &Plan, rows: &[Row], inputs: &Inputs, y: &mut [f64]) {
    y.fill(0.0);
    for from in (0..inputs.per_row).step_by(STRETCH) {
        let stretch = from..inputs.per_row.min(from + STRETCH);
        match <&[Row; TILE]>::try_from(rows) {
            Ok(rows) => {
                specialized!(
                    plan,
                    plan.centred(),
                    products_at[4],
                    rows,
                    inputs,
                    stretch,
                    y
                )
            }
            Err(_) => {
                let row = std::array::from_ref(&rows[0]);
                specialized!(
                    plan,
                    plan.centred(),
                    products_at[1],
                    row,
                    inputs,
                    stretch,
                    y
                )
            }
        }
    }
}

/// Steps whose products are added up in f32: sums of whole vectors of spans, too.
const STRETCH: usize = CHAIN;

#[inline(always)]
fn products_at<S: Simd, const SPAN: usize, const KIND: usize, const ROWS: usize>(
    simd: S,
    rows: &[Row; ROWS],
    inputs: &Inputs,
    stretch: Range<usize>,
    y: &mut [f64],
) {
    let mut c = 0;
    macro_rules! columns {
        ($count:literal) => {
            while inputs.len() - c >= $count {
                let y = &mut y[c * ROWS..][..$count * ROWS];
                columns::<S, SPAN, KIND, ROWS, $count>(simd, rows, inputs, stretch.clone(), c, y);
                c += $count;
            }
        };
    }
    // 32 vector registers hold 16 sums, 16 hold 4.
    if S::f32s::LEN == 16 && ROWS == TILE {
        columns!(4);
    }
    columns!(1);
}

#[inline(always)]
fn columns<S: Simd, const SPAN: usize, const KIND: usize, const ROWS: usize, const COUNT: usize>(
    simd: S,
    rows: &[Row; ROWS],
    inputs: &Inputs,
    stretch: Range<usize>,
    first: usize,
    y: &mut [f64],
) {
    let steps = stretch.len();
    // Of spans, and as many more as may be read from the last.
    let spans = STEP / SPAN * stretch.start..STEP / SPAN * stretch.end + 16;
    let mut codes = [&rows[0].codes.as_chunks::<STEP>().0[..steps]; ROWS];
    let (mut scales, mut middles) = ([&rows[0].scales[..]; ROWS], [&rows[0].middles[..]; ROWS]);
    for (r, row) in rows.iter().enumerate() {
        codes[r] = &row.codes.as_chunks::<STEP>().0[stretch.clone()];
        scales[r] = &row.scales[spans.clone()];
        if KIND == BASE_ZERO {
            middles[r] = &row.middles[spans.clone()];
        }
    }
    let mut x = [&inputs.steps[..0]; COUNT];
    for (c, x) in x.iter_mut().enumerate() {
        *x = &inputs.steps[(first + c) * inputs.per_row + stretch.start..][..steps];
    }
    // One sum would wait for itself: even steps and odd ones.
    let chains = if ROWS * COUNT == 1 { 2 } else { 1 };
    let mut sums = [[[f32x16::splat(simd, 0.0); ROWS]; COUNT]; 2];
    macro_rules! add {
        ($i:expr, $chain:expr) => {{
            let i = $i;
            for r in 0..ROWS {
                let w = i8x64::simd_from(simd, codes[r][i]);
                let scale = spread::<S, SPAN>(simd, scales[r], i);
                let middle = match KIND {
                    // Of a shift, which is -128 times a sum of codes.
                    BASE_ZERO => spread::<S, SPAN>(simd, middles[r], i) * (1.0 / 128.0),
                    _ => scale,
                };
                for (sums, x) in sums[$chain].iter_mut().zip(x) {
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
        }};
    }
    let turns = steps / chains;
    for i in 0..turns {
        for chain in 0..chains {
            add!(chains * i + chain, chain);
        }
    }
    for i in chains * turns..steps {
        add!(i, 0);
    }
    let [mut sums, odd] = sums;
    if chains == 2 {
        sums[0][0] += odd[0][0];
    }
    if KIND != SCALE {
        let len = inputs.sums.len() / inputs.len();
        // Whole vectors: the last stretch has what they are padded with.
        let end = match stretch.end == inputs.per_row {
            true => len,
            false => STEP / SPAN * stretch.end,
        };
        let spans = STEP / SPAN * stretch.start..end;
        for (r, row) in rows.iter().enumerate() {
            let offsets = row.offsets[spans.clone()].as_chunks::<16>().0;
            for (c, sums) in sums.iter_mut().enumerate() {
                let x = &inputs.sums[(first + c) * len..][spans.clone()];
                for (offset, x) in offsets.iter().zip(x.as_chunks::<16>().0) {
                    let offset = f32x16::simd_from(simd, *offset);
                    sums[r] = offset.mul_add(f32x16::simd_from(simd, *x), sums[r]);
                }
            }
        }
    }
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(ROWS)) {
        for (sum, y) in sums.iter().zip(y) {
            *y += sum.reduce_sum() as f64;
        }
    }
}

/// The numbers of the spans in 64 codes, one for each lane of four.
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

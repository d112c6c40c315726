//! Products of integer codes with inputs rounded to integers.
//!
//! Sums are kept in sixteen lanes, each of which takes four codes of every 64: no span is shorter than
//! four, so a lane multiplies its exact integer sum by the scales of its own span and of its own run, and
//! lanes are added up only at the end of the row.

use super::activations::{round_rows, RUN};
use super::dot4::dot4;
use super::plan::{specialized, Plan, BASE_BIAS, BIAS, SCALE};
use super::row::{Row, STEP};
use fearless_simd::{f32x16, i32x16, i8x64, prelude::*, u8x64};

/// Rows of rounded inputs, padded as the codes of a `Row` are.
pub(super) struct Inputs {
    steps: Vec<Step>,
    /// Steps of one row.
    per_row: usize,
}

/// Sixty-four inputs, side by side in memory so that one address finds them all, and whole lines of a cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Step {
    codes: [i8; STEP],
    /// -128 times the sum of each four codes.
    shifts: [i32; STEP / 4],
    /// That of its run, for each four codes.
    scales: [f32; STEP / 4],
}

impl Inputs {
    pub fn new(plan: &Plan, x: &[f32]) -> Inputs {
        let rounded = round_rows(plan.level, x, plan.k, STEP);
        let codes = rounded.codes.as_chunks::<STEP>().0.iter();
        let scales = rounded.scales.as_chunks::<{ STEP / RUN }>().0;
        let step = |(&codes, scales): (&[i8; STEP], &[f32; STEP / RUN])| Step {
            codes,
            shifts: shifts(&codes),
            scales: std::array::from_fn(|four| scales[4 * four / RUN]),
        };
        Inputs {
            steps: codes.zip(scales).map(step).collect(),
            per_row: plan.k.div_ceil(STEP),
        }
    }

    fn len(&self) -> usize {
        self.steps.len() / self.per_row
    }
}

/// -128 times the sum of each four codes.
fn shifts(codes: &[i8; STEP]) -> [i32; STEP / 4] {
    let mut shifts = [0; STEP / 4];
    for (shift, four) in shifts.iter_mut().zip(codes.as_chunks::<4>().0) {
        *shift = -128 * four.iter().map(|&code| code as i32).sum::<i32>();
    }
    shifts
}

/// Row `c` of the inputs times the row goes to `y[c * stride]`.
pub(super) fn products(plan: &Plan, row: &Row, inputs: &Inputs, y: &mut [f32], stride: usize) {
    specialized!(plan, products_at, row, inputs, plan.base(), y, stride)
}

#[inline(always)]
fn products_at<S: Simd, const SPAN: usize, const KIND: usize>(
    simd: S,
    row: &Row,
    inputs: &Inputs,
    base: f32,
    y: &mut [f32],
    stride: usize,
) {
    let mut c = 0;
    macro_rules! columns {
        ($count:literal) => {
            while inputs.len() - c >= $count {
                let sums = columns::<S, SPAN, KIND, $count>(simd, row, inputs, base, c);
                for (i, sum) in sums.into_iter().enumerate() {
                    y[(c + i) * stride] = sum.reduce_sum();
                }
                c += $count;
            }
        };
    }
    columns!(4);
    columns!(1);
}

#[inline(always)]
fn columns<S: Simd, const SPAN: usize, const KIND: usize, const COUNT: usize>(
    simd: S,
    row: &Row,
    inputs: &Inputs,
    base: f32,
    first: usize,
) -> [f32x16<S>; COUNT] {
    let codes = &row.codes.as_chunks::<STEP>().0[..inputs.per_row];
    let mut x = [&inputs.steps[..0]; COUNT];
    for (c, x) in x.iter_mut().enumerate() {
        *x = &inputs.steps[(first + c) * inputs.per_row..][..inputs.per_row];
    }
    let mut sums = [f32x16::splat(simd, 0.0); COUNT];
    for i in 0..inputs.per_row {
        let w = i8x64::simd_from(simd, codes[i]);
        let scale = spread::<S, SPAN>(simd, &row.scales, i);
        let offset = match KIND {
            SCALE => scale,
            BIAS | BASE_BIAS => spread::<S, SPAN>(simd, &row.offsets, i),
            _ => spread::<S, SPAN>(simd, &row.offsets, i) - base,
        };
        // Of a shift, which is -128 times a sum of codes.
        let offset = offset * (-1.0 / 128.0);
        for (sum, x) in sums.iter_mut().zip(x) {
            let x = &x[i];
            let shift = i32x16::simd_from(simd, x.shifts);
            let mut dot = dot4(simd, w, i8x64::simd_from(simd, x.codes), shift);
            if KIND == BASE_BIAS {
                dot -= shift;
            }
            let dot: f32x16<S> = dot.to_float();
            let weighted = match KIND {
                SCALE => scale * dot,
                BIAS | BASE_BIAS => {
                    let shift: f32x16<S> = shift.to_float();
                    scale.mul_add(dot, offset * shift)
                }
                _ => {
                    let shift: f32x16<S> = shift.to_float();
                    scale * (dot - offset * shift)
                }
            };
            *sum = weighted.mul_add(f32x16::simd_from(simd, x.scales), *sum);
        }
    }
    sums
}

/// The numbers of the spans in 64 codes, one for each lane of four.
#[inline(always)]
fn spread<S: Simd, const SPAN: usize>(simd: S, spans: &[f32], i: usize) -> f32x16<S> {
    let per_step = STEP / SPAN;
    if S::f32s::LEN == 16 {
        let mut at = [0u8; 64];
        for (byte, at) in at.iter_mut().enumerate() {
            *at = (byte / 4 * 4 / SPAN * 4 + byte % 4) as u8;
        }
        let sixteen = f32x16::from_slice(simd, &spans[per_step * i..][..16]);
        return sixteen.swizzle_dyn(u8x64::simd_from(simd, at));
    }
    let spans = &spans[per_step * i..][..per_step];
    let mut lanes = [0f32; 16];
    for (lane, value) in lanes.iter_mut().enumerate() {
        *value = spans[lane * 4 / SPAN];
    }
    f32x16::simd_from(simd, lanes)
}

//! Rows of weights with offsets, centred for sums of integers.
//!
//! A weight is scale · code + offset, and sums of the two parts cancel where weights are small next to the offset of
//! their span. So codes are counted from the middle, the code whose weight is nearest to 0: the offset that remains is
//! no larger than any weight.

use super::plan::{BIAS, Plan, SCALE, specialized};
use super::row::{Row, STEP};
use crate::family::AffineKind;
use fearless_simd::{f32x16, i8x16, i8x64, prelude::*, u8x64};

impl Row {
    /// Replaces each offset, of whatever kind, by the weight of the middle, and subtracts middles from the codes. Where
    /// codes fill their bytes, middles are stored next to them.
    pub fn centre(&mut self, plan: &Plan) {
        if plan.centred() != SCALE {
            specialized!(plan, plan.centred(), centre_at, self, plan)
        }
    }
}

#[inline(always)]
fn centre_at<S: Simd, const SPAN: usize, const KIND: usize>(simd: S, row: &mut Row, plan: &Plan) {
    let base = plan.base();
    // Where all weights have one sign, the middle is the last code that a byte holds.
    let top = 127.0 + base;
    let zero = matches!(plan.kind, AffineKind::ScaleZero { .. });
    // Beyond the last span, scales, offsets and inputs are zero.
    let sixteens = plan.k.div_ceil(SPAN).div_ceil(16);
    let scales = &row.scales.as_chunks::<16>().0[..sixteens];
    let offsets = &mut row.offsets.as_chunks_mut::<16>().0[..sixteens];
    for (i, (scale, rest)) in scales.iter().zip(offsets).enumerate() {
        let scale = f32x16::simd_from(simd, *scale);
        let offset = f32x16::simd_from(simd, *rest);
        let one = f32x16::splat(simd, 1.0);
        let nearest = if zero {
            offset
        } else {
            -offset / scale.simd_eq(0.0).select(one, scale)
        };
        let middle = nearest.round_ties_even().max(0.0).min(top);
        *rest = if zero {
            scale * (middle - offset)
        } else {
            scale.mul_add(middle, offset)
        }
        .into();
        let middle = middle - base;
        if KIND == BIAS {
            let steps = row.codes.as_chunks_mut::<STEP>().0;
            let steps = steps.iter_mut().skip(i * (16 * SPAN / STEP));
            take::<S, SPAN>(simd, middle, steps);
        } else {
            row.middles.as_chunks_mut::<16>().0[i] = middle.into();
        }
    }
}

/// Subtracts the middles of sixteen spans from their codes.
#[inline(always)]
fn take<'a, S: Simd, const SPAN: usize>(simd: S, middles: f32x16<S>, steps: impl Iterator<Item = &'a mut [i8; STEP]>) {
    let mut bytes = [0i8; 16];
    let middles: [f32; 16] = middles.into();
    for (byte, middle) in bytes.iter_mut().zip(middles) {
        // Adding 1.5 · 2^23 leaves the integer in the low bits: faster than a conversion that saturates.
        *byte = (middle + 12_582_912.0).to_bits() as i8;
    }
    let bytes = i8x64::block_splat(i8x16::simd_from(simd, bytes));
    for (step, codes) in steps.take(16 * SPAN / STEP).enumerate() {
        let mut at = [0u8; STEP];
        for (code, at) in at.iter_mut().enumerate() {
            *at = ((STEP * step + code) / SPAN) as u8;
        }
        let middle = bytes.swizzle_dyn_within_blocks(u8x64::simd_from(simd, at));
        *codes = (i8x64::simd_from(simd, *codes) - middle).into();
    }
}

//! Rows of weights with offsets, centred for sums of integers.
//!
//! A weight is scale · code + offset, and sums of the two parts cancel where weights are small beside the offset of
//! their span. So codes are counted from the one whose weight is nearest to 0, the middle: what is left of the offset
//! is then no larger than any weight.

use super::plan::{Plan, BIAS, SCALE};
use super::row::Row;
use crate::family::AffineKind;
use crate::formats::rows::at_level;

impl Row {
    /// Turns offsets, whatever they are, into the weight of the middle, and takes middles off the codes; where these
    /// fill their bytes, middles go beside them.
    pub fn centre(&mut self, plan: &Plan) {
        if plan.centred() == SCALE {
            return;
        }
        let spans = plan.k.div_ceil(plan.span);
        let mut middles = [0f32; AT_ONCE];
        for first in (0..spans).step_by(AT_ONCE) {
            let end = spans.min(first + AT_ONCE);
            let middles = &mut middles[..end - first];
            let offsets = &mut self.offsets[first..end];
            find(plan, &self.scales[first..end], offsets, middles);
            match plan.centred() {
                BIAS => take(plan, middles, &mut self.codes[first * plan.span..]),
                _ => self.middles[first..end].copy_from_slice(middles),
            }
        }
        // What fills up the last span is to stay 0.
        self.codes[plan.k..].fill(0);
    }
}

/// Spans that are centred together.
const AT_ONCE: usize = 64;

/// The middle of each span, and what is left of its offset.
fn find(plan: &Plan, scales: &[f32], offsets: &mut [f32], middles: &mut [f32]) {
    let base = plan.base();
    // No further than bytes reach, where all weights are of one sign.
    let top = 127.0 + base;
    let zero = matches!(plan.kind, AffineKind::ScaleZero { .. });
    at_level!(plan.level, _simd => {
        for ((middle, offset), scale) in middles.iter_mut().zip(offsets).zip(scales) {
            *middle = if zero {
                let middle = offset.round_ties_even().clamp(0.0, top);
                *offset = -(*scale * (*offset - middle));
                middle
            } else {
                let divisor = if *scale == 0.0 { 1.0 } else { *scale };
                let middle = (-*offset / divisor).round_ties_even().clamp(0.0, top);
                *offset += *scale * middle;
                middle
            };
            *middle -= base;
        }
    })
}

/// Takes the middles off the codes of their spans.
fn take(plan: &Plan, middles: &[f32], codes: &mut [i8]) {
    at_level!(plan.level, _simd => {
        for (codes, middle) in codes.chunks_mut(plan.span).zip(middles) {
            let middle = *middle as i8;
            for code in codes {
                *code = code.wrapping_sub(middle);
            }
        }
    })
}

//! Inputs as integers, laid out as the loop over them reads them.

use super::activations::{Activations, RUN, round_rows};
use super::plan::Plan;
use super::row::STEP;
use crate::simd::at_level;
use fearless_simd::Level;

/// Rows of rounded inputs, padded as the codes of a `Row` are.
pub(super) struct Inputs {
    pub steps: Vec<Step>,
    /// Steps of one row.
    pub per_row: usize,
    /// Sums of rounded inputs, one for each span, padded with zeros to whole vectors: what is left of
    /// offsets is multiplied by. None where there are none.
    pub sums: Vec<f32>,
}

/// Sixty-four inputs, side by side in memory so that one address finds them all, and whole lines of a cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Step {
    pub codes: [i8; STEP],
    /// -128 times the sum of each four codes.
    pub shifts: [i32; STEP / 4],
    /// That of its run, for each four codes.
    pub scales: [f32; STEP / 4],
}

impl Inputs {
    pub fn new(plan: &Plan, x: &[f32]) -> Inputs {
        let rounded = round_rows(plan.level, x, plan.k, STEP);
        let empty = Step {
            codes: [0; STEP],
            shifts: [0; STEP / 4],
            scales: [0.0; STEP / 4],
        };
        let mut steps = vec![empty; rounded.codes.len() / STEP];
        fill(plan.level, &rounded, &mut steps);
        let per_row = plan.k.div_ceil(STEP);
        let sums = if plan.has_offsets() {
            sums(&steps, per_row, plan.span)
        } else {
            Vec::new()
        };
        Inputs { steps, per_row, sums }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.steps.len() / self.per_row
    }
}

fn fill(level: Level, rounded: &Activations, steps: &mut [Step]) {
    at_level!(level, _simd => {
        let codes = rounded.codes.as_chunks::<STEP>().0;
        let scales = rounded.scales.as_chunks::<{ STEP / RUN }>().0;
        for (step, (codes, scales)) in steps.iter_mut().zip(codes.iter().zip(scales)) {
            step.codes = *codes;
            for (shift, four) in step.shifts.iter_mut().zip(codes.as_chunks::<4>().0) {
                let sum = four[0] as i32 + four[1] as i32 + four[2] as i32 + four[3] as i32;
                *shift = -128 * sum;
            }
            let (first, second) = step.scales.split_at_mut(RUN / 4);
            first.fill(scales[0]);
            second.fill(scales[1]);
        }
    })
}

/// The sum of each span of rounded inputs, row after row.
fn sums(steps: &[Step], per_row: usize, span: usize) -> Vec<f32> {
    let per_step = STEP / span;
    let padded = (per_row * per_step).next_multiple_of(16);
    let mut sums = vec![0f32; steps.len() / per_row * padded];
    for (sums, steps) in sums.chunks_mut(padded).zip(steps.chunks(per_row)) {
        for (sums, step) in sums.chunks_mut(per_step).zip(steps) {
            let fours = step.shifts.chunks(span / 4).zip(step.scales.chunks(span / 4));
            for (sum, (shifts, scales)) in sums.iter_mut().zip(fours) {
                let shift: i32 = shifts.iter().sum();
                *sum = (shift / -128) as f32 * scales[0];
            }
        }
    }
    sums
}

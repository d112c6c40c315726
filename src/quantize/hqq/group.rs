//! One group of weights: its initial zero point and one iteration, in f64.

use super::options::Hqq;
use crate::formats::encode::range::span;

/// One group: the current s and z, the next z, the best z so far.
#[derive(Clone, Copy)]
pub(super) struct HqqGroup {
    pub s: f64,
    pub z: f64,
    pub next: f64,
    pub best: f64,
    /// Σ |W - W_r|
    pub error: f64,
}

impl Hqq {
    /// s and z from the extremes of a group.
    pub(super) fn start(&self, weights: &[f32], top: f64) -> HqqGroup {
        let (lo, hi) = span(weights);
        let (lo, range) = (f64::from(lo), f64::from(hi) - f64::from(lo));
        let s = if range <= self.least_range { 1.0 } else { top / range };
        let s = s.min(self.most_inverse_scale);
        let z = -lo * s;
        HqqGroup {
            s,
            z,
            next: z,
            best: z,
            error: 0.0,
        }
    }

    /// Computes the error of a group with its z, and its next z.
    pub(super) fn step(&self, weights: &[f32], top: f64, beta: f64, group: &mut HqqGroup) {
        let &mut HqqGroup { s, z, .. } = group;
        let (mut error, mut sum) = (0.0, 0.0);
        for &w in weights {
            let w = f64::from(w);
            let field = (w * s + z).round_ties_even().clamp(0.0, top);
            let e = w - (field - z) / s;
            error += e.abs();
            sum += field - (w - self.shrink(e, beta)) * s;
        }
        group.error = error;
        group.next = sum / weights.len() as f64;
    }

    fn shrink(&self, e: f64, beta: f64) -> f64 {
        let magnitude = e.abs();
        // At 0 the power is infinite, the difference is negative and the result is 0.
        let less = magnitude.powf(self.lp_norm - 1.0) / beta;
        (magnitude - less).max(0.0).copysign(e)
    }
}

//! Fake quantization: floats rounded to the values of integer codes, with the straight-through estimator.
//!
//! Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
//! Inference", 2017, arXiv 1712.05877, in the form of PyTorch's `fake_quantize_per_tensor_affine`:
//! v̂ = s · (q − z) with q = clamp(round(v / s) + z, qmin, qmax), ties to even.

use super::groups::GroupRanges;
use super::{all_positive, same_length};
use crate::{Error, Group, Result};

/// Fake quantization with given scales and zero points; [`lsq`](super::lsq) learns them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FakeQuantize<'a> {
    /// Weights in a row, at least 1.
    pub k: usize,
    /// Which weights share a scale.
    pub group: Group,
    /// s, above 0, one for each group.
    pub scales: &'a [f32],
    /// z, the code of 0.0, one for each group; empty where they are all 0.
    pub zeros: &'a [i32],
    /// The lowest code.
    pub qmin: i32,
    /// The highest code.
    pub qmax: i32,
}

impl<'a> FakeQuantize<'a> {
    /// Rows of `k` weights with one of `scales` for each group, codes `qmin..=qmax` and zero points of 0.
    pub fn new(k: usize, group: Group, scales: &'a [f32], (qmin, qmax): (i32, i32)) -> Self {
        FakeQuantize {
            k,
            group,
            scales,
            zeros: &[],
            qmin,
            qmax,
        }
    }

    /// Sets [`zeros`](FakeQuantize::zeros).
    #[must_use]
    pub fn with_zeros(self, zeros: &'a [i32]) -> Self {
        FakeQuantize { zeros, ..self }
    }

    /// The code of each weight, `qmin..=qmax`.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Argument`] where scales, zero points or limits do not fit;
    /// [`Error::NotFinite`] where a weight is NaN or infinite.
    pub fn codes(&self, v: &[f32]) -> Result<Vec<i32>> {
        let groups = self.check(v)?;
        groups.finite("weight", v)?;
        groups.map(v, |g| {
            let (code, _) = self.of(g);
            move |v| self.clipped(code(v)) as i32
        })
    }

    /// v̂, the values of the codes. NaN stays NaN.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Argument`] where scales, zero points or limits do not fit.
    pub fn forward(&self, v: &[f32]) -> Result<Vec<f32>> {
        self.check(v)?.map(v, |g| {
            let (code, value) = self.of(g);
            move |v| value(self.clipped(code(v)))
        })
    }

    /// The gradient for v from the gradient `dy` for v̂: equal where the code is not clipped, 0 where it is.
    ///
    /// # Errors
    /// Those of [`forward`](FakeQuantize::forward), and [`Error::Length`] where `dy` is not as long as `v`.
    pub fn backward(&self, v: &[f32], dy: &[f32]) -> Result<Vec<f32>> {
        let groups = self.check(v)?;
        same_length("dy", v.len(), dy.len())?;
        groups.zip(v, dy, |g| {
            let (code, _) = self.of(g);
            move |v, dy| {
                if code(v) == self.clipped(code(v)) { dy } else { 0.0 }
            }
        })
    }

    /// The functions of a group: the code round(v / s) + z before clipping, and the value of a code.
    fn of(&self, g: usize) -> (impl Fn(f32) -> f32 + Copy, impl Fn(f32) -> f32 + Copy) {
        let s = self.scales[g];
        let z = self.zeros.get(g).map_or(0.0, |&z| z as f32);
        let code = move |v: f32| (v / s).round_ties_even() + z;
        (code, move |code| s * (code - z))
    }

    fn clipped(&self, code: f32) -> f32 {
        code.clamp(self.qmin as f32, self.qmax as f32)
    }

    fn check(&self, v: &[f32]) -> Result<GroupRanges> {
        let groups = GroupRanges::new(self.k, self.group, v.len())?;
        groups.fits("scales", v.len(), self.scales.len())?;
        all_positive("scales", self.scales)?;
        if !self.zeros.is_empty() {
            same_length("zeros", self.scales.len(), self.zeros.len())?;
        }
        // An f32 represents every integer up to 2^24.
        let limit = 1 << 24;
        let allowed = |q: i32| (-limit..=limit).contains(&q);
        if !(self.qmin < self.qmax
            && allowed(self.qmin)
            && allowed(self.qmax)
            && self.zeros.iter().all(|&z| allowed(z)))
        {
            return Err(Error::argument(
                "the range of codes",
                "qmin < qmax, both and the zero points within 2^24 of 0",
                format!("{}..={}", self.qmin, self.qmax),
            ));
        }
        Ok(groups)
    }
}

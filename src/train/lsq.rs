//! LSQ: the step size is learned together with the weights.
//!
//! Esser, McKinstry, Bablani, Appuswamy and Modha, "Learned Step Size Quantization", 2019, arXiv 1902.08153.
//! v̂ = s · round(clamp(v / s, −Qn, Qp)). The straight-through estimator inside the quotient gives
//! ∂v̂/∂s = round(v / s) − v / s inside the range, −Qn below it and Qp above it, and ∂v̂/∂v = 1 inside, 0 outside.
//! The gradient of s is multiplied by g = 1 / √(N · Qp), so that steps and weights learn at a similar rate.

use super::groups::GroupRanges;
use super::{all_positive, same_length};
use crate::setters::setters;
use crate::{Error, Group, Result};

/// The range of codes: all integers `-qn..=qp`, or −1 and 1 for one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CodeRange {
    qn: u32,
    qp: u32,
    /// Without a code 0.
    binary: bool,
}

impl CodeRange {
    /// Codes for weights: Qn = 2^(bits−1), Qp = 2^(bits−1) − 1.
    ///
    /// For one bit this would give Qp = 0 and no positive value, so its codes are −1 and 1: v̂ = s · sign(v).
    ///
    /// # Errors
    /// [`Error::Argument`] where `bits` is not 1 to 16.
    pub fn signed(bits: u32) -> Result<CodeRange> {
        check_bits(bits)?;
        let half = 1 << (bits - 1);
        Ok(match bits {
            1 => CodeRange {
                qn: 1,
                qp: 1,
                binary: true,
            },
            _ => CodeRange {
                qn: half,
                qp: half - 1,
                binary: false,
            },
        })
    }

    /// Codes for inputs that are never negative: Qn = 0, Qp = 2^bits − 1.
    ///
    /// # Errors
    /// [`Error::Argument`] where `bits` is not 1 to 16.
    pub fn unsigned(bits: u32) -> Result<CodeRange> {
        check_bits(bits)?;
        let qp = (1 << bits) - 1;
        Ok(CodeRange {
            qn: 0,
            qp,
            binary: false,
        })
    }

    /// The codes −1, 0 and 1 (not in the paper, but it follows with Qn = Qp = 1).
    pub fn ternary() -> CodeRange {
        CodeRange {
            qn: 1,
            qp: 1,
            binary: false,
        }
    }

    /// Qn; the lowest code is −Qn.
    pub fn qn(&self) -> u32 {
        self.qn
    }

    /// Qp, the highest code.
    pub fn qp(&self) -> u32 {
        self.qp
    }

    /// The code of v / s.
    fn code(&self, quotient: f32) -> f32 {
        match self.binary {
            true if quotient >= 0.0 => 1.0,
            // NaN stays NaN.
            true if quotient < 0.0 => -1.0,
            _ => round(quotient.clamp(-(self.qn as f32), self.qp as f32)),
        }
    }

    /// −Qn < v / s < Qp.
    fn inside(&self, quotient: f32) -> bool {
        quotient > -(self.qn as f32) && quotient < self.qp as f32
    }
}

/// The nearest integer, ties to even, for magnitudes up to 2^22: beyond 2^23 an f32 has no fraction bits. On baseline
/// x86, without SSE4.1, `round_ties_even` is a function call for each number.
fn round(x: f32) -> f32 {
    const SHIFT: f32 = 1.5 * (1 << 23) as f32;
    (x + SHIFT) - SHIFT
}

fn check_bits(bits: u32) -> Result<()> {
    if !(1..=16).contains(&bits) {
        return Err(Error::argument("bits", "1 to 16", bits));
    }
    Ok(())
}

/// LSQ of rows of `k` weights (or inputs), with one step for each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Lsq {
    /// Weights in a row, at least 1.
    pub k: usize,
    /// Which weights share a step.
    pub group: Group,
    /// The range of the codes.
    pub range: CodeRange,
}

setters!(Lsq { with_k: k: usize, with_group: group: Group, with_range: range: CodeRange });

/// The gradients that [`Lsq::backward`] returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LsqGradients {
    /// For each weight.
    pub v: Vec<f32>,
    /// For the step of each group, already multiplied by g.
    pub s: Vec<f32>,
}

impl Lsq {
    /// One step for each `group` of rows of `k` weights.
    pub fn new(k: usize, group: Group, range: CodeRange) -> Lsq {
        Lsq { k, group, range }
    }

    /// Initial steps, one for each group: 2 · mean|v| / √Qp; for one bit mean|v|, the step of least squared error of
    /// s · sign(v) (Rastegari et al., "XNOR-Net", 2016, arXiv 1603.05279). At least 1e-8.
    ///
    /// # Errors
    /// [`Error::Length`] where `v` is not whole rows, [`Error::NotFinite`] where a weight is NaN or infinite,
    /// [`Error::Argument`] where `k` or the group is 0.
    pub fn init(&self, v: &[f32]) -> Result<Vec<f32>> {
        let groups = GroupRanges::new(self.k, self.group, v.len())?;
        groups.finite("weight", v)?;
        let factor = if self.range.binary {
            1.0
        } else {
            2.0 / f64::from(self.range.qp).sqrt()
        };
        groups.reduce(v.len(), |_, range| {
            let count = range.len() as f64;
            let sum: f64 = v[range].iter().map(|v| f64::from(v.abs())).sum();
            ((factor * sum / count) as f32).max(1e-8)
        })
    }

    /// The code of each weight, `-qn..=qp`.
    ///
    /// # Errors
    /// Those of [`forward`](Lsq::forward), and [`Error::NotFinite`] where a weight is NaN or infinite.
    pub fn codes(&self, v: &[f32], s: &[f32]) -> Result<Vec<i32>> {
        let (groups, codes) = (self.groups(v, s)?, self.range);
        groups.finite("weight", v)?;
        groups.map(v, |g| {
            let s = s[g];
            move |v| codes.code(v / s) as i32
        })
    }

    /// v̂, the weights `v` rounded with the steps `s`, one for each group. NaN stays NaN.
    ///
    /// # Errors
    /// [`Error::Length`] where the lengths do not fit, [`Error::Argument`] where a step is not above 0 or `k` or the
    /// group is 0.
    pub fn forward(&self, v: &[f32], s: &[f32]) -> Result<Vec<f32>> {
        let codes = self.range;
        self.groups(v, s)?.map(v, |g| {
            let s = s[g];
            move |v| s * codes.code(v / s)
        })
    }

    /// The gradients for `v` and `s`, from the gradient `dy` for v̂. N in g is the number of weights in the group. (For
    /// inputs the paper takes the features of one token, not of all tokens that share the step: multiply by √tokens.)
    ///
    /// # Errors
    /// Those of [`forward`](Lsq::forward), and [`Error::Length`] where `dy` is not as long as `v`.
    pub fn backward(&self, v: &[f32], s: &[f32], dy: &[f32]) -> Result<LsqGradients> {
        let (groups, codes) = (self.groups(v, s)?, self.range);
        same_length("dy", v.len(), dy.len())?;
        let to_v = groups.zip(v, dy, |g| {
            let s = s[g];
            move |v, dy| if codes.inside(v / s) { dy } else { 0.0 }
        })?;
        let to_s = groups.reduce(v.len(), |g, range| {
            let scale = gradient_scale(range.len(), codes);
            let s = s[g];
            let terms = v[range.clone()].iter().zip(&dy[range]);
            let sum: f64 = terms
                .map(|(v, dy)| f64::from(*dy) * f64::from(to_step(v / s, codes)))
                .sum();
            (sum * scale) as f32
        })?;
        Ok(LsqGradients { v: to_v, s: to_s })
    }

    fn groups(&self, v: &[f32], s: &[f32]) -> Result<GroupRanges> {
        let groups = GroupRanges::new(self.k, self.group, v.len())?;
        groups.fits("s", v.len(), s.len())?;
        all_positive("s", s)?;
        Ok(groups)
    }
}

/// g = 1 / √(N · Qp), for N = `n` weights with the same step.
pub fn gradient_scale(n: usize, codes: CodeRange) -> f64 {
    1.0 / (n as f64 * f64::from(codes.qp)).sqrt()
}

/// ∂v̂/∂s at v / s.
fn to_step(quotient: f32, codes: CodeRange) -> f32 {
    if codes.inside(quotient) {
        codes.code(quotient) - quotient
    } else {
        // The clipped quotient: −Qn or Qp.
        codes.code(quotient)
    }
}

//! LSQ: the step size is learned together with what it quantizes.
//!
//! Esser, McKinstry, Bablani, Appuswamy and Modha, "Learned Step Size Quantization", 2019, arXiv 1902.08153.
//! v̂ = s · round(clamp(v / s, −Qn, Qp)). The straight-through estimator inside the quotient gives
//! ∂v̂/∂s = round(v / s) − v / s inside the range, −Qn below it and Qp above it, and ∂v̂/∂v = 1 inside, 0 outside.
//! The gradient of s is multiplied by g = 1 / √(N · Qp), so that a step learns at the pace of its weights.

use super::{Groups, all_positive, same_length};
use crate::{Error, Result};

/// The codes of a quantizer: all integers `-qn..=qp`, or of one bit, −1 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    qn: u32,
    qp: u32,
    /// Without a code 0.
    binary: bool,
}

impl Levels {
    /// For weights: Qn = 2^(bits−1), Qp = 2^(bits−1) − 1.
    ///
    /// One bit would have Qp = 0, and nothing positive could be held: its codes are −1 and 1 instead, v̂ = s · sign(v).
    ///
    /// # Errors
    /// [`Error::Argument`] where `bits` is not 1 to 16.
    pub fn signed(bits: u32) -> Result<Levels> {
        check_bits(bits)?;
        let half = 1 << (bits - 1);
        Ok(match bits {
            1 => Levels {
                qn: 1,
                qp: 1,
                binary: true,
            },
            _ => Levels {
                qn: half,
                qp: half - 1,
                binary: false,
            },
        })
    }

    /// For inputs that are never negative: Qn = 0, Qp = 2^bits − 1.
    ///
    /// # Errors
    /// [`Error::Argument`] where `bits` is not 1 to 16.
    pub fn unsigned(bits: u32) -> Result<Levels> {
        check_bits(bits)?;
        let qp = (1 << bits) - 1;
        Ok(Levels {
            qn: 0,
            qp,
            binary: false,
        })
    }

    /// −1, 0 and 1 (which is not in the paper, but follows from it with Qn = Qp = 1).
    pub fn ternary() -> Levels {
        Levels {
            qn: 1,
            qp: 1,
            binary: false,
        }
    }

    /// Qn: the lowest code is −Qn.
    pub fn qn(&self) -> u32 {
        self.qn
    }

    /// Qp: the highest code.
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

/// The nearest integer, halves to even, of magnitudes up to 2^22: past 2^23 an f32 has no room for a fraction. On x86
/// without SSE4.1, the baseline, `round_ties_even` is a call for each number.
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

/// Steps to start from, one for each group: 2 · mean|v| / √Qp, or of one bit mean|v|, which leaves the least squared
/// error of all s · sign(v) (Rastegari et al., "XNOR-Net", 2016, arXiv 1603.05279). Never under 1e-8.
///
/// # Errors
/// [`Error::Length`] where `v` is no whole number of rows, [`Error::NotFinite`] where a weight is no number.
pub fn init(v: &[f32], groups: Groups, levels: Levels) -> Result<Vec<f32>> {
    groups.finite("weight", v)?;
    let factor = if levels.binary {
        1.0
    } else {
        2.0 / f64::from(levels.qp).sqrt()
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
/// Those of [`forward`], and [`Error::NotFinite`] where a weight has no code.
pub fn codes(v: &[f32], s: &[f32], groups: Groups, levels: Levels) -> Result<Vec<i32>> {
    check(v, s, groups)?;
    groups.finite("weight", v)?;
    groups.map(v, |g| {
        let s = s[g];
        move |v| levels.code(v / s) as i32
    })
}

/// v̂: `v` as the codes and the steps `s`, one for each group, have it. NaN stays NaN.
///
/// # Errors
/// [`Error::Length`] where the lengths do not fit, [`Error::Argument`] where a step is not above 0.
pub fn forward(v: &[f32], s: &[f32], groups: Groups, levels: Levels) -> Result<Vec<f32>> {
    check(v, s, groups)?;
    groups.map(v, |g| {
        let s = s[g];
        move |v| s * levels.code(v / s)
    })
}

/// What [`backward`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// For each weight.
    pub v: Vec<f32>,
    /// For the step of each group, multiplied by g already.
    pub s: Vec<f32>,
}

/// The gradients for `v` and `s`, where `dy` is that for v̂. N in g is the number of weights in the group. (For inputs
/// the paper takes the features of one token, not all that share the step: multiply by √tokens.)
///
/// # Errors
/// Those of [`forward`], and [`Error::Length`] where `dy` is not as long as `v`.
pub fn backward(v: &[f32], s: &[f32], groups: Groups, levels: Levels, dy: &[f32]) -> Result<Gradients> {
    check(v, s, groups)?;
    same_length("dy", v.len(), dy.len())?;
    let to_v = groups.zip(v, dy, |g| {
        let s = s[g];
        move |v, dy| if levels.inside(v / s) { dy } else { 0.0 }
    })?;
    let to_s = groups.reduce(v.len(), |g, range| {
        let scale = gradient_scale(range.len(), levels);
        let s = s[g];
        let terms = v[range.clone()].iter().zip(&dy[range]);
        let sum: f64 = terms
            .map(|(v, dy)| f64::from(*dy) * f64::from(to_step(v / s, levels)))
            .sum();
        (sum * scale) as f32
    })?;
    Ok(Gradients { v: to_v, s: to_s })
}

/// g = 1 / √(N · Qp), for `n` weights under one step.
pub fn gradient_scale(n: usize, levels: Levels) -> f64 {
    1.0 / (n as f64 * f64::from(levels.qp)).sqrt()
}

/// ∂v̂/∂s at v / s.
fn to_step(quotient: f32, levels: Levels) -> f32 {
    if levels.inside(quotient) {
        levels.code(quotient) - quotient
    } else {
        // The clipped quotient: −Qn or Qp.
        levels.code(quotient)
    }
}

fn check(v: &[f32], s: &[f32], groups: Groups) -> Result<()> {
    groups.fits("s", v.len(), s.len())?;
    all_positive("s", s)
}

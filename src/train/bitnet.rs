//! BitNet b1.58: ternary weights scaled by the mean of their magnitudes, 8-bit inputs with one scale for each token.
//!
//! Ma et al., "The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits", 2024, arXiv 2402.17764:
//! γ = mean|W|, Ŵ = γ · clamp(round(W / γ), −1, 1). Inputs as in Wang et al., "BitNet", 2023, arXiv 2310.11453:
//! the largest magnitude of each token becomes 127. Both gradients are the straight-through estimator's and pass
//! everywhere, clipped weights included (the authors detach Ŵ − W), so that a weight at ±γ can return.

use super::groups::GroupRanges;
use crate::{Error, Group, Result, ScaleType};

/// The lower bound of γ and of the largest magnitude of a token (the authors' clamp).
pub const LEAST: f32 = 1e-5;

/// The ternary weights that [`weights_forward`] returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BitNetWeights {
    /// −1, 0 or 1 for each weight.
    pub codes: Vec<i8>,
    /// γ, one for each group.
    pub scales: Vec<f32>,
    /// Ŵ, codes times scales.
    pub values: Vec<f32>,
}

/// The ternary weights of `w`, rows of `k`, with one γ for each group. γ is rounded to type `scale` before codes are
/// chosen, so that a [`Matrix`](crate::Matrix) with scales of this type decodes to exactly the weights used in
/// training.
///
/// # Errors
/// [`Error::Length`] where `w` is not whole rows, [`Error::NotFinite`] where a weight is NaN or infinite,
/// [`Error::Argument`] where `k` or the group is 0, [`Error::ScaleRange`] where γ is out of range of the scale type,
/// [`Error::Scale`] where that is not F16, BF16 or F32.
pub fn weights_forward(w: &[f32], k: usize, group: Group, scale: ScaleType) -> Result<BitNetWeights> {
    let groups = GroupRanges::new(k, group, w.len())?;
    groups.finite("weight", w)?;
    if !matches!(scale, ScaleType::F16 | ScaleType::BF16 | ScaleType::F32) {
        return Err(Error::Scale {
            format: "ternary".into(),
            allowed: "f16, bf16, f32".into(),
            got: scale.name(),
        });
    }
    let mut scales = groups.reduce(w.len(), |_, range| {
        let count = range.len() as f64;
        let sum: f64 = w[range].iter().map(|w| f64::from(w.abs())).sum();
        ((sum / count) as f32).max(LEAST)
    })?;
    for gamma in &mut scales {
        let mut stored = [0u8; 4];
        scale.store(*gamma, &mut stored).map_err(|e| e.of("ternary"))?;
        *gamma = scale.load(&stored);
    }
    let codes = groups.map(w, |g| {
        let gamma = scales[g];
        // Rounded, ties to even, and clipped: ±0.5 becomes 0.
        move |w| i8::from(w / gamma > 0.5) - i8::from(w / gamma < -0.5)
    })?;
    let values = times(&codes, &scales, groups)?;
    Ok(BitNetWeights { codes, scales, values })
}

/// The gradient for w from the gradient `dy` for Ŵ, which is equal.
pub fn weights_backward(dy: &[f32]) -> Vec<f32> {
    dy.to_vec()
}

/// The 8-bit inputs that [`inputs_forward`] returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BitNetInputs {
    /// −127 to 127 for each input.
    pub codes: Vec<i8>,
    /// One scale for each token, in f32: input ≈ scale · code.
    pub scales: Vec<f32>,
    /// Codes times scales.
    pub values: Vec<f32>,
}

/// The inputs of tokens, rows of `k` floats, in 8 bits: the codes are round(x · 127 / max|x|), ties to even.
///
/// # Errors
/// [`Error::Inputs`] where `x` is not whole tokens, [`Error::NotFinite`] where an input is NaN or infinite.
pub fn inputs_forward(x: &[f32], k: usize) -> Result<BitNetInputs> {
    if k == 0 || !x.len().is_multiple_of(k) {
        return Err(Error::Inputs { k, got: x.len() });
    }
    if x.is_empty() {
        let (codes, scales, values) = Default::default();
        return Ok(BitNetInputs { codes, scales, values });
    }
    let tokens = GroupRanges::new(k, Group::Row, x.len())?;
    tokens.finite("input", x)?;
    let largest = tokens.reduce(x.len(), |_, range| x[range].iter().fold(LEAST, |m, x| m.max(x.abs())))?;
    let codes = tokens.map(x, |t| {
        // In f64 no magnitude overflows, and the largest becomes exactly 127.
        let largest = f64::from(largest[t]);
        move |x| (f64::from(x) * 127.0 / largest).round_ties_even() as i8
    })?;
    let scales: Vec<f32> = largest.iter().map(|l| l / 127.0).collect();
    let values = times(&codes, &scales, tokens)?;
    Ok(BitNetInputs { codes, scales, values })
}

/// The gradient for x from the gradient `dy` for the rounded inputs, which is equal.
pub fn inputs_backward(dy: &[f32]) -> Vec<f32> {
    dy.to_vec()
}

/// The value of each code.
fn times(codes: &[i8], scales: &[f32], groups: GroupRanges) -> Result<Vec<f32>> {
    groups.map(codes, |g| {
        let scale = scales[g];
        move |code| scale * f32::from(code)
    })
}

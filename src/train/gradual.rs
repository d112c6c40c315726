//! Gradual quantization: schedules over the steps of a training run.
//!
//! [`Blend`] mixes floats with their quantized values, w̃ = (1 − a) · w + a · ŵ, with a going from 0 to 1: Liu
//! and Mattina, "Learning low-precision neural networks without Straight-Through Estimator (STE)", 2019, arXiv
//! 1903.01061. Its curve is the cubic one of Zhu and Gupta, "To prune, or not to prune", 2017, arXiv
//! 1710.01878. [`BitSchedule`] lowers the number of bits in stages, as Zhuang et al., "Towards Effective Low-bitwidth
//! Convolutional Neural Networks", 2017, arXiv 1711.00205, "progressive quantization".

use super::same_length;
use crate::setters::setters;
use crate::{Error, Result};

/// The share a of the quantized values, by step: 0 up to `begin`, 1 from `end` on, between them
/// 1 − (1 − t)^power with t going from 0 to 1 in proportion to the steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Blend {
    /// The last step that sees floats only.
    pub begin: u64,
    /// The first step that sees quantized values only.
    pub end: u64,
    /// The exponent; 1 is linear, 3 (cubic) rises early and leaves most late steps nearly quantized.
    pub power: f64,
}

setters!(Blend { with_begin: begin: u64, with_end: end: u64, with_power: power: f64 });

impl Blend {
    /// The cubic curve from `begin` to `end`.
    pub fn cubic(begin: u64, end: u64) -> Blend {
        let power = 3.0;
        Blend { begin, end, power }
    }

    /// a at this step, 0 to 1. Where `end` is not after `begin`, a jumps from 0 to 1 at `end`.
    pub fn share(&self, step: u64) -> f32 {
        if step >= self.end {
            return 1.0;
        }
        if step <= self.begin {
            return 0.0;
        }
        let t = (step - self.begin) as f64 / (self.end - self.begin) as f64;
        (1.0 - (1.0 - t).powf(self.power)) as f32
    }
}

/// w̃ = (1 − a) · w + a · ŵ, exactly w for a = 0 and exactly ŵ for a = 1.
///
/// # Errors
/// [`Error::Length`] where the two differ in length, [`Error::Argument`] where `a` is not 0 to 1.
pub fn blend(w: &[f32], quantized: &[f32], a: f32) -> Result<Vec<f32>> {
    same_length("quantized", w.len(), quantized.len())?;
    check_share(a)?;
    let pairs = w.iter().zip(quantized);
    Ok(match a {
        1.0 => quantized.to_vec(),
        _ => pairs.map(|(w, q)| (1.0 - a) * w + a * q).collect(),
    })
}

/// The gradients for w and ŵ from the gradient `dy` for w̃: (1 − a) · dy and a · dy. The paper uses only the first; to
/// use both, pass the second through the backward function of the quantizer and add.
///
/// # Errors
/// [`Error::Argument`] where `a` is not 0 to 1.
pub fn blend_backward(dy: &[f32], a: f32) -> Result<(Vec<f32>, Vec<f32>)> {
    check_share(a)?;
    let times = |share: f32| dy.iter().map(|dy| share * dy).collect();
    Ok((times(1.0 - a), times(a)))
}

fn check_share(a: f32) -> Result<()> {
    if !(0.0..=1.0).contains(&a) {
        return Err(Error::argument("a", "0 to 1", a));
    }
    Ok(())
}

/// The number of bits at each step: stages of equal length, of which the last does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BitSchedule {
    /// The bits of each stage.
    pub stages: Vec<u32>,
    /// Steps of one stage.
    pub steps: u64,
}

setters!(BitSchedule { with_stages: stages: Vec<u32>, with_steps: steps: u64 });

impl BitSchedule {
    /// Stages of `steps` steps with these numbers of bits.
    pub fn new(stages: Vec<u32>, steps: u64) -> BitSchedule {
        BitSchedule { stages, steps }
    }

    /// Bits halved in each stage of `steps` steps, from `first` down to `last`: 8, 4, 2 for 8 and 2.
    ///
    /// # Errors
    /// [`Error::Argument`] where `last` is 0 or above `first`, or `steps` is 0.
    pub fn halved(first: u32, last: u32, steps: u64) -> Result<BitSchedule> {
        if last == 0 || last > first || steps == 0 {
            return Err(Error::argument(
                "a schedule of bits",
                "first >= last >= 1 and at least 1 step",
                format!("{first} to {last}, {steps} steps"),
            ));
        }
        let mut stages = vec![first];
        let mut bits = first;
        while bits > last {
            bits = (bits / 2).max(last);
            stages.push(bits);
        }
        Ok(BitSchedule { stages, steps })
    }

    /// The bits at this step, counted from 0.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no stage.
    pub fn at(&self, step: u64) -> Result<u32> {
        let stage = (step / self.steps.max(1)).min(self.stages.len().saturating_sub(1) as u64);
        let bits = self.stages.get(stage as usize).copied();
        bits.ok_or_else(|| Error::argument("a schedule of bits", "at least 1 stage", "0"))
    }
}

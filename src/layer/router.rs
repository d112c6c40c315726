//! The choice of experts.

use super::top_k::{check, top_k};
use crate::setters::setters;
use crate::{Error, Result};

/// How logits become the scores of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Scoring {
    /// exp(l) over the sum of all: Mixtral, Qwen.
    Softmax,
    /// 1 / (1 + exp(-l)): DeepSeek V3.
    Sigmoid,
}

/// Which experts a token gets, by the logits of a router: the `per_token` best scores, which are the weights of
/// [`Epilogue::RowScale`](crate::Epilogue::RowScale).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Router {
    /// Experts.
    pub experts: usize,
    /// Experts of a token.
    pub per_token: usize,
    /// How logits become scores.
    pub scoring: Scoring,
    /// Whether the weights of a token are divided by their sum: `norm_topk_prob`. Mixtral's softmax over the chosen is
    /// the same as over all, then divided.
    pub normalized: bool,
    /// What weights are multiplied by at last.
    pub scale: f32,
    /// Added to the scores that experts are chosen by, and not to their weights; empty for none.
    pub bias: Vec<f32>,
}

setters!(Router {
    with_scoring: scoring: Scoring,
    with_normalized: normalized: bool,
    with_scale: scale: f32,
    with_bias: bias: Vec<f32>,
});

/// The most experts, whose scores fit the workgroup memory that every device has.
const MOST: usize = 2048;

impl Router {
    /// Softmax over `experts`, of which a token gets `per_token`, whose weights are divided by their sum.
    pub fn new(experts: usize, per_token: usize) -> Router {
        Router {
            experts,
            per_token,
            scoring: Scoring::Softmax,
            normalized: true,
            scale: 1.0,
            bias: Vec::new(),
        }
    }

    /// Chooses for rows of logits: ids and weights, both \[rows, per_token\].
    ///
    /// # Errors
    /// [`Error::Inputs`] where logits are not whole rows, [`Error::Argument`] where a token gets no expert or more than
    /// there are, [`Error::Length`] where there is not a bias for each expert.
    pub fn route(&self, logits: &[f32]) -> Result<(Vec<u32>, Vec<f32>)> {
        self.check()?;
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        for row in super::rows(logits, self.experts)? {
            let scores = self.scores(row);
            let mut ranks = scores.clone();
            ranks.iter_mut().zip(&self.bias).for_each(|(rank, bias)| *rank += bias);
            let (_, chosen) = top_k(&ranks, self.experts, self.per_token)?;
            let of_chosen = chosen.iter().map(|i| scores[*i as usize]);
            let total: f32 = match self.normalized {
                true => of_chosen.clone().sum(),
                false => 1.0,
            };
            weights.extend(of_chosen.map(|score| score / total * self.scale));
            ids.extend(chosen);
        }
        Ok((ids, weights))
    }

    fn scores(&self, logits: &[f32]) -> Vec<f32> {
        match self.scoring {
            Scoring::Sigmoid => logits.iter().map(|l| 1.0 / (1.0 + (-l).exp())).collect(),
            Scoring::Softmax => {
                let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let scores: Vec<f32> = logits.iter().map(|l| (l - top).exp()).collect();
                let total: f32 = scores.iter().sum();
                scores.into_iter().map(|score| score / total).collect()
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.experts > MOST {
            return Err(Error::Argument {
                what: "experts",
                allowed: format!("at most {MOST}"),
                got: self.experts.to_string(),
            });
        }
        check(self.experts, self.per_token)?;
        let expected = if self.bias.is_empty() { 0 } else { self.experts };
        if self.bias.len() != expected {
            return Err(Error::Length {
                what: "biases of experts",
                shape: format!("[{expected}]"),
                unit: "floats",
                expected,
                got: self.bias.len(),
            });
        }
        match self.scale.is_finite() {
            true => Ok(()),
            false => Err(Error::argument("the scale of experts' weights", "finite", self.scale)),
        }
    }
}

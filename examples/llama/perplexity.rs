//! How well a model foretells texts: perplexity, and what one model loses against another token by token.

use super::{Llama, Texts, Visit};
use crate::model::Fallible;
use rayon::prelude::*;

/// Rows whose logits are held at a time.
const ROWS: usize = 64;

/// The loss of each token that was foretold: -ln of its probability, in nats.
#[derive(Clone)]
pub struct Losses(pub Vec<f64>);

/// A mean difference of losses in nats, with its standard error.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    pub mean: f64,
    pub error: f64,
}

impl Losses {
    /// exp of the mean loss.
    pub fn perplexity(&self) -> f64 {
        mean(&self.0).exp()
    }

    /// What this model loses more than `other` on the same tokens. Pairs tell far smaller differences apart than two
    /// perplexities do, since most of a token's loss is the same for both.
    pub fn against(&self, other: &Losses) -> Difference {
        let pairs = self.0.iter().zip(&other.0);
        let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let mean = mean(&differences);
        let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
        let count = differences.len() as f64;
        Difference {
            mean,
            error: (squares / (count - 1.0) / count).sqrt(),
        }
    }
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

impl Llama {
    /// The losses of all tokens but the first of each text.
    pub fn losses(&mut self, texts: &Texts) -> Fallible<Losses> {
        self.losses_visiting(texts, &mut |_, _, _, _| Ok(()))
    }

    /// As `losses`, with a look at the inputs of linears on the way.
    pub fn losses_visiting(&mut self, texts: &Texts, visit: &mut Visit) -> Fallible<Losses> {
        let rows = self.walk(&texts.inputs(), visit)?;
        let targets: Vec<u32> = texts.targets();
        let width = self.shape.width;
        let parts = rows.par_chunks(ROWS * width).zip(targets.par_chunks(ROWS));
        let losses = parts.map(|(rows, targets)| {
            let logits = self.logits(rows).map_err(|e| e.to_string())?;
            let vocabulary = logits.len() / targets.len();
            let rows = logits.chunks(vocabulary).zip(targets);
            Ok(rows.map(|(row, &target)| loss(row, target)).collect::<Vec<_>>())
        });
        let losses: Result<Vec<Vec<f64>>, String> = losses.collect();
        Ok(Losses(losses?.concat()))
    }
}

/// ln Σ exp(logits) - logit of the target.
fn loss(logits: &[f32], target: u32) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - most).exp())).sum();
    sum.ln() + f64::from(most) - f64::from(logits[target as usize])
}

//! How well a model predicts texts: perplexity, and the difference of two models' losses token by token.

use super::Llama;
use super::text::Texts;
use super::walk::Visit;
use crate::model::Fallible;
use rayon::prelude::*;

/// Rows whose logits are in memory at a time.
const ROWS: usize = 64;

/// The loss of each predicted token, text by text: -ln of its probability, in nats.
#[derive(Clone)]
pub struct Losses(Vec<Vec<f64>>);

/// A mean difference of losses in nats, with its standard error.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    pub mean: f64,
    pub error: f64,
}

impl Losses {
    /// exp of the mean loss.
    pub fn perplexity(&self) -> f64 {
        let losses = self.0.iter().flatten();
        (losses.clone().sum::<f64>() / losses.count() as f64).exp()
    }

    /// The mean loss of this model minus that of `other` on the same tokens. Pairing resolves far smaller differences
    /// than two perplexities, because most of a token's loss is the same for both. The standard error is over texts,
    /// not tokens, because tokens of one text are correlated.
    pub fn against(&self, other: &Losses) -> Difference {
        let pairs = self.0.iter().zip(&other.0);
        let texts: Vec<(f64, f64)> = pairs
            .map(|(a, b)| {
                let differences = a.iter().zip(b).map(|(a, b)| a - b);
                (differences.sum(), a.len() as f64)
            })
            .collect();
        let (sum, count) = texts.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        let mean = sum / count;
        let squares: f64 = texts.iter().map(|(sum, count)| (sum - mean * count).powi(2)).sum();
        let texts = texts.len() as f64;
        Difference {
            mean,
            error: (squares * texts / (texts - 1.0)).sqrt() / count,
        }
    }
}

impl Llama {
    /// The losses of all tokens but the first of each text.
    pub fn losses(&mut self, texts: &Texts) -> Fallible<Losses> {
        self.losses_visiting(texts, &mut |_, _, _, _| Ok(()))
    }

    /// As `losses`; `visit` sees the inputs of linears.
    pub fn losses_visiting(&mut self, texts: &Texts, visit: &mut Visit) -> Fallible<Losses> {
        let rows = self.walk(&texts.inputs(), visit)?;
        let targets: Vec<u32> = texts.targets();
        let width = self.shape.width;
        let count = self.head.n();
        if let Some(token) = targets.iter().find(|&&token| token as usize >= count) {
            return Err(format!("tokens should be under {count}, got {token}").into());
        }
        let parts = rows.par_chunks(ROWS * width).zip(targets.par_chunks(ROWS));
        let losses = parts.map(|(rows, targets)| {
            let logits = self.logits(rows).map_err(|e| e.to_string())?;
            let vocabulary = logits.len() / targets.len();
            let rows = logits.chunks(vocabulary).zip(targets);
            Ok(rows.map(|(row, &target)| loss(row, target)).collect::<Vec<_>>())
        });
        let losses: Result<Vec<Vec<f64>>, String> = losses.collect();
        let losses = losses?.concat();
        let mut rest = &losses[..];
        let by_text = texts.0.iter().map(|text| {
            let (losses, after) = rest.split_at(text.len() - 1);
            rest = after;
            losses.to_vec()
        });
        Ok(Losses(by_text.collect()))
    }

    /// The Kullback-Leibler divergence of this model's predictions from those of the model whose `walk` returned
    /// `float`, with the same head: nats a token, at least 0.
    pub fn divergence(&mut self, texts: &Texts, float: &[f32]) -> Fallible<f64> {
        let rows = self.walk(&texts.inputs(), &mut |_, _, _, _| Ok(()))?;
        let count = ROWS * self.shape.width;
        let parts = rows.par_chunks(count).zip(float.par_chunks(count));
        let sums = parts.map(|(rows, float)| {
            let logits = |rows| self.logits(rows).map_err(|e| e.to_string());
            let (q, p) = (logits(rows)?, logits(float)?);
            let vocabulary = q.len() / (rows.len() / self.shape.width);
            let pairs = p.chunks(vocabulary).zip(q.chunks(vocabulary));
            Ok(pairs.map(|(p, q)| divergence(p, q)).collect::<Vec<_>>())
        });
        let sums: Result<Vec<Vec<f64>>, String> = sums.collect();
        let tokens = (rows.len() / self.shape.width) as f64;
        Ok(sums?.iter().flatten().sum::<f64>() / tokens)
    }
}

/// Σ p ln(p / q), of logits.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let (of_p, of_q) = (log_sum(p), log_sum(q));
    let terms = p.iter().zip(q).map(|(&p, &q)| {
        let (p, q) = (f64::from(p) - of_p, f64::from(q) - of_q);
        p.exp() * (p - q)
    });
    terms.sum()
}

/// -ln of the target's probability.
fn loss(logits: &[f32], target: u32) -> f64 {
    log_sum(logits) - f64::from(logits[target as usize])
}

/// ln Σ exp(logits)
fn log_sum(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - most).exp())).sum();
    sum.ln() + f64::from(most)
}

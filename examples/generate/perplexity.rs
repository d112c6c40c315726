//! How surprised a model is by a text: one number to judge formats, types of caches and precisions by.

use crate::Run;
use crate::model::Fallible;

/// exp of the mean of -ln p of each token but the first, given those before it; and its standard error.
pub fn perplexity(tokens: &[u32], runner: &mut dyn Run) -> Fallible<(f64, f64)> {
    let mut losses = Vec::new();
    for (i, pair) in tokens.windows(2).enumerate() {
        let [token, next] = [pair[0], pair[1]];
        runner
            .step(&[token])
            .map_err(|e| format!("after {i} of {} tokens: {e}", tokens.len()))?;
        losses.push(loss(&runner.logits()?, next as usize)?);
    }
    let count = losses.len() as f64;
    if losses.len() < 2 {
        return Err(format!("a text should have 3 tokens or more, got {}", tokens.len()).into());
    }
    let mean = losses.iter().sum::<f64>() / count;
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let value = mean.exp();
    Ok((value, value * (variance / count).sqrt()))
}

/// -ln of the softmax of a token.
fn loss(logits: &[f32], token: usize) -> Fallible<f64> {
    let Some(own) = logits.get(token) else {
        return Err(format!("a token should be under {}, got {token}", logits.len()).into());
    };
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|l| f64::from(l - top).exp()).sum();
    let loss = total.ln() - f64::from(own - top);
    match loss.is_finite() {
        true => Ok(loss),
        false => Err(format!("logits should be finite, got {own}; --check tells where that began").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_of_the_softmax() {
        let logits = [1.0, 3.0, 2.0, -50.0];
        let total: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
        for (token, logit) in logits.iter().enumerate() {
            let want = total.ln() - f64::from(*logit);
            assert!((loss(&logits, token).unwrap() - want).abs() < 1e-6);
        }
        assert!(loss(&logits, 4).is_err());
        assert!(loss(&[1.0, f32::NAN], 1).is_err());
    }
}

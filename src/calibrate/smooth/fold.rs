//! Factors of input channels, folded into weights: `W · diag(s)` in the layer, `diag(1/s)` in the layer before it.

use crate::matrix::length;
use crate::{Error, Result};

/// Divides the gain of a norm (RMSNorm, LayerNorm), and its bias if it has one, by the factors of its outputs; `k`
/// floats each. (Gemma's norms multiply by 1 + gain: add 1, fold, subtract 1.)
///
/// # Errors
/// [`Error::Length`] where there is not one factor for each, [`Error::Argument`] where a factor is not positive.
pub fn fold_into_norm(gain: &mut [f32], bias: Option<&mut [f32]>, scales: &[f32]) -> Result<()> {
    fold_into_rows(gain, 1, bias, scales)
}

/// Divides row j of the preceding layer, and its bias, by factor j. `weights` is `scales.len()` rows of `k` floats; for
/// a fused layer (q, k and v in one), pass only the rows that produce these inputs.
///
/// # Errors
/// [`Error::Length`] where there is not one factor for each row, [`Error::Argument`] where a factor is not positive.
pub fn fold_into_rows(weights: &mut [f32], k: usize, bias: Option<&mut [f32]>, scales: &[f32]) -> Result<()> {
    check_scales(scales, scales.len())?;
    let expected = scales.len().saturating_mul(k);
    let lengths = [
        Some(("weights", expected, weights.len())),
        bias.as_ref().map(|bias| ("bias", scales.len(), bias.len())),
    ];
    for (what, expected, got) in lengths.into_iter().flatten() {
        if got != expected {
            return Err(Error::Length {
                what,
                shape: format!("[{} factors, k = {k}]", scales.len()),
                unit: "floats",
                expected,
                got,
            });
        }
    }
    for (row, s) in weights.chunks_mut(k.max(1)).zip(scales) {
        row.iter_mut().for_each(|w| *w /= s);
    }
    for (b, s) in bias.into_iter().flatten().zip(scales) {
        *b /= s;
    }
    Ok(())
}

/// Multiplies column j of `weights`, rows of `scales.len()` floats, by factor j.
///
/// # Errors
/// [`Error::Inputs`] where `weights` is not whole rows, [`Error::Argument`] where a factor is not positive.
pub fn fold_into_columns(weights: &mut [f32], scales: &[f32]) -> Result<()> {
    let k = scales.len();
    check_scales(scales, k)?;
    if k == 0 || !weights.len().is_multiple_of(k) {
        let got = weights.len();
        return Err(Error::Inputs { k, got });
    }
    for row in weights.chunks_mut(k) {
        row.iter_mut().zip(scales).for_each(|(w, s)| *w *= s);
    }
    Ok(())
}

/// Checks that there are `k` factors, all positive and finite.
pub(crate) fn check_scales(scales: &[f32], k: usize) -> Result<()> {
    if scales.len() != k {
        return Err(length("scales", 1, k, "floats", k, scales.len()));
    }
    match scales.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
        None => Ok(()),
        Some(j) => Err(Error::argument(
            "a factor of an input channel",
            "positive and finite",
            format!("{} for channel {j}", scales[j]),
        )),
    }
}

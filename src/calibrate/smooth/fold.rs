//! Factors of input channels, folded into weights: `W · diag(s)` here, `diag(1/s)` in what comes before.

use crate::{Error, Result};

/// Divides what makes the inputs by their factors: the gain of a norm (RMSNorm, LayerNorm), and its bias where
/// it has one, `k` floats each. (Gemma's norms multiply by 1 + gain: add the 1, fold, subtract it.)
///
/// # Errors
/// [`Error::Length`] where there is not one factor for each, [`Error::Argument`] where a factor is not positive.
pub fn fold_into_norm(gain: &mut [f32], bias: Option<&mut [f32]>, scales: &[f32]) -> Result<()> {
    fold_into_rows(gain, 1, bias, scales)
}

/// Divides row j of the layer before, and its bias, by factor j: its outputs are the inputs here. `weights` are
/// `scales.len()` rows of `k` floats; of a layer that makes more (q, k and v in one), the part of the rows that counts.
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
/// [`Error::Inputs`] where rows are not whole, [`Error::Argument`] where a factor is not positive.
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

/// That there are `k` factors and all can be divided by.
pub(crate) fn check_scales(scales: &[f32], k: usize) -> Result<()> {
    if scales.len() != k {
        return Err(crate::matrix::length("scales", 1, k, "floats", k, scales.len()));
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

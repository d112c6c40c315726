//! The encoders of GGUF's oldest formats: 32 weights with one scale, with or without a minimum.
//!
//! Without importance the scale follows from the range of the weights, as in ggml's `quantize_row_*_ref`; with
//! importance the searches of the K formats run.

use crate::family::{Hints, QuantizeError};
use crate::formats::encode::importance::weigh;
use crate::formats::encode::k_search::{Ranges, check_ranges, scale_and_min, symmetric_scale};
use crate::formats::encode::range::{extreme, inverse, span};

/// The scale, of either sign, and the fields of `scale · (field - half)`, with fields in `0..2 · half`.
pub(crate) fn signed_fields(half: u8, x: &[f32], hints: &Hints, fields: &mut [u8; 32]) -> Result<f32, QuantizeError> {
    if let Some(importance) = hints.importance {
        check_ranges(x, hints.importance)?;
        let mut w = [0f32; 32];
        weigh(x, importance, hints.row_mean_square, &mut w);
        return Ok(symmetric_scale(half.into(), x, Some(&w), fields));
    }
    let scale = extreme(x) / -f32::from(half);
    let inverse = inverse(scale);
    for (field, x) in fields.iter_mut().zip(x) {
        *field = ((x * inverse + (f32::from(half) + 0.5)) as u8).min(2 * half - 1);
    }
    Ok(scale)
}

/// The scale, the minimum and the fields of `scale · field + min`, with fields in `0..=top`.
pub(crate) fn unsigned_fields(
    top: u8,
    x: &[f32],
    hints: &Hints,
    fields: &mut [u8; 32],
) -> Result<(f32, f32), QuantizeError> {
    if let Some(importance) = hints.importance {
        check_ranges(x, hints.importance)?;
        let mut w = [0f32; 32];
        weigh(x, importance, hints.row_mean_square, &mut w);
        let (scale, min) = scale_and_min(top.into(), x, &w, fields, &Ranges::WEIGHTED);
        return Ok((scale, -min));
    }
    let (lo, hi) = span(x);
    let scale = (hi - lo) / f32::from(top);
    let inverse = inverse(scale);
    for (field, x) in fields.iter_mut().zip(x) {
        *field = (((x - lo) * inverse + 0.5) as u8).min(top);
    }
    Ok((scale, lo))
}

//! Checks of a layer's parts: lengths, ranges, finite numbers.

use crate::{Error, Result};
use std::fmt::Display;

/// An [`Error::Part`].
pub(crate) fn part(at: impl Into<String>, what: impl Into<String>, expected: impl Display, got: impl Display) -> Error {
    Error::Part {
        at: at.into(),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

/// Checks the length of a part.
pub(crate) fn length(at: &str, expected: usize, got: usize) -> Result<()> {
    if got != expected {
        return Err(part(at, "its length", expected, got));
    }
    Ok(())
}

/// Checks that all numbers are finite.
pub(crate) fn finite(at: &str, values: &[f32]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(i) => Err(part(at, format!("number {i}"), "finite", values[i])),
    }
}

/// Checks that all indices are distinct and under `limit`.
pub(crate) fn distinct(at: &str, indices: &[u32], limit: usize) -> Result<()> {
    // More indices than `limit` cannot be distinct. Refused here, they do not make `seen` larger than the input.
    if indices.len() > limit {
        return Err(part(at, "its length", format!("at most {limit}"), indices.len()));
    }
    let mut seen = vec![u32::MAX; limit];
    for (i, &index) in indices.iter().enumerate() {
        let what = format!("number {i}");
        let Some(first) = seen.get_mut(index as usize) else {
            return Err(part(at, what, format!("under {limit}"), index));
        };
        if *first != u32::MAX {
            let got = format!("{index}, as number {first} is");
            return Err(part(at, what, "there once", got));
        }
        *first = i as u32;
    }
    Ok(())
}

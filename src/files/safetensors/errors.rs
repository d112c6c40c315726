//! Errors that name a tensor or a setting.

use crate::Error;
use std::fmt;

/// An invalid field of a tensor.
pub(super) fn wrong(name: &str, what: &str, expected: impl fmt::Display, got: impl fmt::Display) -> Error {
    Error::File {
        at: at_tensor(name),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

/// A name that is not among the known ones.
pub(super) fn unknown(what: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Error {
    Error::Unknown {
        what,
        name: short(name),
        known: known.collect::<Vec<_>>().join(", "),
    }
}

/// A tensor as messages name it. A name can be as long as the file; a message should not be.
pub(super) fn at_tensor(name: &str) -> String {
    format!("tensor {:?}", short(name))
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

//! The error of the operating system within an [`Error::Io`](super::Error::Io).

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// A [`std::io::Error`] that can be cloned: it dereferences to the original. Two are equal if their
/// [`kind`](io::Error::kind)s are.
#[derive(Clone, Debug)]
pub struct IoError(Arc<io::Error>);

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> IoError {
        IoError(Arc::new(error))
    }
}

// No `std::error::Error` here: `Error::source` dereferences to the original, which callers downcast to.
impl Deref for IoError {
    type Target = io::Error;

    fn deref(&self) -> &io::Error {
        &self.0
    }
}

impl PartialEq for IoError {
    fn eq(&self, other: &IoError) -> bool {
        self.kind() == other.kind()
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! A tensor that is to be written.

use super::cursor::Location;
use crate::Result;
use std::borrow::Cow;
use std::fmt;

/// A tensor of a [`Writer`](super::Writer).
#[derive(Clone)]
pub(super) struct PendingTensor<'a> {
    pub name: String,
    pub dims: Vec<u64>,
    pub type_id: u32,
    pub size: u64,
    /// None where they come later, through a `Stream`.
    pub bytes: Option<Cow<'a, [u8]>>,
}

/// Without the data, which can take gigabytes.
impl fmt::Debug for PendingTensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} of type {}", self.name, self.dims, self.type_id)
    }
}

/// Checks the number of a tensor's bytes against its shape.
pub(super) fn check_size(name: &str, dims: &[u64], expected: u64, got: usize) -> Result<()> {
    if got as u64 == expected {
        return Ok(());
    }
    let what = format!("the data of shape {dims:?}");
    let (expected, got) = (format!("{expected} bytes"), format!("{got} bytes"));
    Err(Location::Tensor(name).error(what, expected, got))
}

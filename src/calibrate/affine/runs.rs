//! The runs of consecutive weights of a matrix that share a scale, row after row.

use crate::reserve::within;
use crate::{Error, Group, Result};

impl Group {
    /// The number of groups in `n` rows of `k` values.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns, [`Error::Argument`] for groups of 0 values, [`Error::TooLarge`] where
    /// `n · k` overflows.
    pub(crate) fn runs(self, n: usize, k: usize) -> Result<usize> {
        if n == 0 || k == 0 {
            return Err(Error::Empty { n, k });
        }
        let values = n.checked_mul(k).map_or(u64::MAX, |values| values as u64);
        within("a matrix, in values", values, isize::MAX as u64)?;
        match self {
            Group::Tensor => Ok(1),
            Group::Row => Ok(n),
            Group::Len(0) => Err(Error::argument("a group", "at least 1 value", 0)),
            Group::Len(len) => Ok(n * k.div_ceil(len)),
        }
    }

    /// The first value of group `i`, and the length of that group.
    pub(crate) fn run(self, n: usize, k: usize, i: usize) -> (usize, usize) {
        match self {
            Group::Tensor => (0, n * k),
            Group::Row => (i * k, k),
            Group::Len(len) => {
                let in_row = k.div_ceil(len);
                let start = i % in_row * len;
                (i / in_row * k + start, len.min(k - start))
            }
        }
    }
}

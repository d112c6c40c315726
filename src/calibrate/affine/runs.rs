//! Runs of values that share a scale and zero point.

use crate::matrix::{finite, length};
use crate::{Error, Result};

/// Which values of a matrix share a scale and zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// All of them.
    Tensor,
    /// Each row: an output channel of weights, a token of inputs.
    Channel,
    /// Each run of so many in a row, the last of a row being shorter where it must.
    Group(usize),
}

impl Granularity {
    /// How many runs `n` rows of `k` values have.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns, [`Error::Argument`] for groups of nothing, [`Error::TooLarge`] where
    /// `n · k` overflows.
    pub(crate) fn runs(self, n: usize, k: usize) -> Result<usize> {
        if n == 0 || k == 0 {
            return Err(Error::Empty { n, k });
        }
        if n.checked_mul(k).is_none() {
            return Err(Error::TooLarge {
                what: "a matrix, in values",
                needed: u64::MAX,
                limit: isize::MAX as u64,
            });
        }
        match self {
            Granularity::Tensor => Ok(1),
            Granularity::Channel => Ok(n),
            Granularity::Group(0) => Err(Error::argument("a group", "1 value or more", 0)),
            Granularity::Group(g) => Ok(n * k.div_ceil(g)),
        }
    }

    /// Where run `i` begins, and its length.
    pub(crate) fn run(self, n: usize, k: usize, i: usize) -> (usize, usize) {
        match self {
            Granularity::Tensor => (0, n * k),
            Granularity::Channel => (i * k, k),
            Granularity::Group(g) => {
                let a_row = k.div_ceil(g);
                let start = i % a_row * g;
                (i / a_row * k + start, g.min(k - start))
            }
        }
    }
}

/// That there are `n` rows of `k` finite values.
pub(crate) fn check(w: &[f32], n: usize, k: usize) -> Result<()> {
    if n.checked_mul(k) != Some(w.len()) {
        return Err(length("values", n, k, "floats", n.saturating_mul(k), w.len()));
    }
    finite("value", w, k)
}

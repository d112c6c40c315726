//! `Group`: which weights share a scale.

/// Which values of a matrix share one scale (and zero point).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Group {
    /// The whole matrix.
    Tensor,
    /// Each row: an output channel of weights, a token of inputs.
    Row,
    /// This number of consecutive values of a row. The last group is shorter if the length does not divide the row.
    Len(usize),
}

impl From<usize> for Group {
    fn from(len: usize) -> Group {
        Group::Len(len)
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Group::Tensor => f.write_str("the whole tensor"),
            Group::Row => f.write_str("whole rows"),
            Group::Len(len) => write!(f, "groups of {len}"),
        }
    }
}

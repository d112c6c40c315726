//! What GPTQ can be told.

use super::scales::{Importance, Search};

/// Where the scales of a group come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Groups {
    /// The weights as they are when the first of their block is rounded, errors of columns before it made up for: the
    /// paper's. With act-order the columns of the matrix are permuted.
    #[default]
    Sequential,
    /// The weights as they were given (`static_groups` of the paper's tool). With act-order the columns of the matrix
    /// stay where they are, and nothing is permuted at run time.
    Static,
}

/// How GPTQ goes about it. The defaults are the paper's.
#[derive(Clone, Debug, PartialEq)]
pub struct Gptq {
    /// λ: so much of the mean of H's diagonal is added to the diagonal. 0.01 in the paper, 0.05 and 0.1 in later tools.
    /// Raised in steps of 0.01 where H has no Cholesky factor.
    pub damp: f64,
    /// Columns in descending order of H's diagonal (`act_order`, `desc_act`).
    pub act_order: bool,
    /// Columns whose errors are gathered before they are made up for in all columns that follow: 128 in the paper.
    /// Changes speed and rounding, not the method. Never more than fit between two blocks of the format.
    pub block: usize,
    /// Where scales come from.
    pub groups: Groups,
    /// What the format's encoder is told about the importance of columns.
    pub importance: Importance,
    /// Tries smaller scales than the encoder's (`mse` of the paper's tool, off by default there too).
    pub search: Option<Search>,
}

impl Default for Gptq {
    fn default() -> Self {
        Gptq {
            damp: 0.01,
            act_order: false,
            block: 128,
            groups: Groups::Sequential,
            importance: Importance::Uniform,
            search: None,
        }
    }
}

//! The options of GPTQ.

use super::scales::{ColumnImportance, Search};
use crate::setters::setters;

/// Which weights the scales of a group are fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GroupScales {
    /// The weights at the time when the first of their block is rounded, after compensation for the errors of all
    /// columns before it, as in the paper. With act-order the columns of the matrix are permuted.
    #[default]
    Sequential,
    /// The original weights (`static_groups` of the paper's tool). With act-order the columns of the matrix stay in
    /// place, and nothing is permuted at run time.
    Static,
}

/// The options of GPTQ. The defaults are the paper's.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Gptq {
    /// λ: this share of the mean of H's diagonal is added to the diagonal, 0 to 1. The paper takes 0.01, later tools
    /// 0.05 and 0.1. It is raised in steps of 0.01 where H has no Cholesky factor.
    pub damp: f64,
    /// Rounds columns in descending order of H's diagonal (`act_order`, `desc_act`).
    pub act_order: bool,
    /// Columns whose errors are accumulated before they are propagated to all later columns: 128 in the paper.
    /// It changes speed and rounding, not the method. Columns from two blocks of the format are never accumulated
    /// together unless whole blocks fit.
    pub block: usize,
    /// Which weights scales are fitted to.
    pub groups: GroupScales,
    /// The importance of columns that the format's encoder receives.
    pub importance: ColumnImportance,
    /// Tries smaller scales than the encoder's (`mse` of the paper's tool, which has it off by default too).
    pub search: Option<Search>,
}

setters!(Gptq {
    with_damp: damp: f64,
    with_act_order: act_order: bool,
    with_block: block: usize,
    with_groups: groups: GroupScales,
    with_importance: importance: ColumnImportance,
    with_search: search: Option<Search>,
});

impl Default for Gptq {
    fn default() -> Self {
        Gptq {
            damp: 0.01,
            act_order: false,
            block: 128,
            groups: GroupScales::Sequential,
            importance: ColumnImportance::Uniform,
            search: None,
        }
    }
}

//! Products: from what is asked of one to its dispatches.

pub(crate) mod around;
pub(crate) mod bound;
pub(crate) mod builder;
pub(crate) mod check_epilogues;
pub(crate) mod experts;
pub(crate) mod ladder;
pub(crate) mod linear;
pub(crate) mod linear_weights;
pub(crate) mod make;
pub(crate) mod matmul;
pub(crate) mod of_one_x;
pub(crate) mod one_call;
pub(crate) mod plan;
pub(crate) mod rounding;

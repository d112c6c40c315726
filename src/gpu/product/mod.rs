//! Products: from what is asked of one to its dispatches.

pub(crate) mod arrange;
pub(crate) mod builder;
pub(crate) mod decisions;
pub(crate) mod experts;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod recorded;
pub(crate) mod rounding;

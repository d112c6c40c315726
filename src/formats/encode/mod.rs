//! The searches for scales and codes that the formats' encoders share.

pub(crate) mod importance;
pub(crate) mod iq4_search;
pub(crate) mod k_search;
pub(crate) mod lattice;
pub(crate) mod range;
pub(crate) mod simple;

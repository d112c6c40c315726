//! Searches for good codes and scales that several formats share.

pub(crate) mod importance;
pub(crate) mod iq4_search;
pub(crate) mod k_search;
pub(crate) mod lattice;
pub(crate) mod range;
pub(crate) mod simple;

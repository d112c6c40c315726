//! How far f32 is trusted with a sum: the error of a chain of additions grows with its length, most of all where all
//! terms are alike. A chain of so many equal terms, and then one of so many chains, is wrong by four times ε at worst; sums
//! of those are added up in f64.

/// Products that are added one after the other in f32 at most.
pub(super) const CHAIN: usize = 20;

/// Chains whose sums are, at most.
pub(super) const CHAINS: usize = 8;

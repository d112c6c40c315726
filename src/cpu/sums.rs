//! How many terms are summed in f32: the error of a chain of additions grows with its length, and most where all terms
//! are alike. The error of `CHAINS` chains of `CHAIN` equal terms is at most four times ε; sums of those are added
//! in f64.

/// The most products that are added one after another in f32.
pub(super) const CHAIN: usize = 20;

/// The most chains whose sums are.
pub(super) const CHAINS: usize = 8;

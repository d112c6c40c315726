//! How far f32 is trusted with a sum: the error of a chain of additions grows with its length, most of all where all
//! terms are alike. Sums of short chains are added up in f64.

/// Additions one after the other in f32 at most. A chain of so many equal terms is wrong by three times ε at
/// worst. `floats.rs` ends its sums by stretches of the row instead, after 8 to 32.
pub(super) const CHAIN: usize = 24;

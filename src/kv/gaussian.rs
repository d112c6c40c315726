//! Q_prod's projection S: d rows of d independent numbers from N(0, 1).

use crate::Result;
use crate::random::SplitMix64;
use crate::rotate::random::normals;

/// A seed independent of the rotation's, since Q_prod needs S independent of Π.
pub(super) fn derived(seed: u64) -> u64 {
    SplitMix64::new(seed ^ 0x5371_a4c5_0be1_9d27).bits()
}

pub(super) fn projection(d: usize, seed: u64) -> Result<Vec<f32>> {
    let numbers = normals(d.saturating_mul(d), seed)?;
    Ok(numbers.into_iter().map(|s| s as f32).collect())
}

//! Lloyd's iteration on values (S. P. Lloyd, "Least squares quantization in PCM", 1957, 1982): assign each
//! value to its nearest level and move each level to the weighted mean of its values, until nothing changes.

use super::sorted::Sorted;
use super::{Codebook, check};
use crate::Result;

/// A bound that is not reached in practice: each round that changes anything lowers the error.
const ROUNDS: usize = 10_000;

/// The fixed point of Lloyd's iteration from the levels `init`, for example those of [`quantiles`](super::quantiles). A
/// level without values stays unchanged. Values are sorted once, so that a round takes one search for each boundary.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) where there are no values, weights are negative, NaN, infinite or
/// all 0, or levels that [`Codebook::new`] refuses; [`Error::NotFinite`](crate::Error::NotFinite) for values, and
/// [`Error::Length`](crate::Error::Length) where there is not one weight for each.
pub fn lloyd(values: &[f32], weights: Option<&[f32]>, init: &[f32]) -> Result<Codebook> {
    check(values, weights)?;
    let init = Codebook::new(init.to_vec())?;
    let sorted = Sorted::new(values, weights);
    let mut levels: Vec<f64> = init.levels.iter().map(|&l| l as f64).collect();
    let mut before = Vec::new();
    for _ in 0..ROUNDS {
        let cuts = cuts(&sorted, &levels);
        for (level, cut) in levels.iter_mut().zip(cuts.windows(2)) {
            *level = sorted.mean(cut[0], cut[1]).unwrap_or(*level);
        }
        if cuts == before {
            break;
        }
        before = cuts;
    }
    Codebook::new(levels.iter().map(|&l| l as f32).collect())
}

/// The first value of each level, and the end. Levels stay ascending, since cells are intervals.
fn cuts(sorted: &Sorted, levels: &[f64]) -> Vec<usize> {
    let middle = |l: &[f64]| {
        let middle = 0.5 * (l[0] + l[1]);
        sorted.values.partition_point(|&x| (x as f64) <= middle)
    };
    let inner = levels.windows(2).map(middle);
    let ends = std::iter::once(sorted.values.len());
    std::iter::once(0).chain(inner).chain(ends).collect()
}

//! Lloyd's iteration on values (S. P. Lloyd, "Least squares quantization in PCM", 1957, 1982): every value goes to
//! its nearest level, every level to the weighted mean of its values, until nothing moves.

use super::sorted::Sorted;
use super::{Codebook, check};
use crate::Result;

/// More than is ever needed: each round that changes anything lowers the error.
const ROUNDS: usize = 10_000;

/// A codebook that no round of Lloyd's iteration makes better, from `init`, say [`quantiles`](super::quantiles).
/// A level that no value is nearest to stays where it is. Values are sorted once; a round then costs but a search
/// for each boundary.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) where there are no values, weights that are negative, not finite or
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

/// Where the values of each level begin, and the end. Levels stay ascending, since cells are intervals.
fn cuts(sorted: &Sorted, levels: &[f64]) -> Vec<usize> {
    let middle = |l: &[f64]| {
        let middle = 0.5 * (l[0] + l[1]);
        sorted.values.partition_point(|&x| (x as f64) <= middle)
    };
    let inner = levels.windows(2).map(middle);
    let ends = std::iter::once(sorted.values.len());
    std::iter::once(0).chain(inner).chain(ends).collect()
}

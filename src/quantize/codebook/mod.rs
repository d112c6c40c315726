//! Codebooks of one dimension: non-uniform levels to which weights are rounded.
//!
//! | Levels from | By | Squared error |
//! |---|---|---|
//! | a density | [`lloyd_max`] | least possible in the mean |
//! | values | [`kmeans_exact`] | least possible on these values |
//! | values and first levels | [`lloyd`] | a local minimum, quickly |
//! | values | [`quantiles`] | not minimized: the same number of values for each level |
//! | the normal distribution | [`normal_float`] | not minimized: NF4 and similar |
//!
//! Values can have weights, by which their errors are multiplied.

mod density;
mod exact;
mod lloyd;
mod lloyd_max;
mod quantiles;
mod sorted;

use crate::matrix::finite;
use crate::{Error, Result, parallel};

pub use density::Density;
pub use exact::{kmeans_exact, kmeans_rows};
pub use lloyd::lloyd;
pub use lloyd_max::{LloydMax, lloyd_max, lloyd_max_sphere};
pub use quantiles::{NORMAL_FLOAT_OFFSET, normal_float, quantiles};

/// Levels; each value is rounded to the nearest one.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebook {
    levels: Vec<f32>,
}

impl Codebook {
    /// A codebook of 1 to 65 536 finite levels, in any order.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of levels, or a level that is NaN or infinite.
    pub fn new(mut levels: Vec<f32>) -> Result<Codebook> {
        check_count(levels.len())?;
        if let Some(level) = levels.iter().find(|l| !l.is_finite()) {
            return Err(Error::argument("a level", "finite", level));
        }
        levels.sort_by(f32::total_cmp);
        Ok(Codebook { levels })
    }

    /// The levels, ascending.
    pub fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// The index of the level nearest to `x`, the lower one for a tie; 0 where `x` is NaN.
    pub fn nearest(&self, x: f32) -> usize {
        let above = self.levels.partition_point(|&l| l < x);
        match above {
            0 => 0,
            _ if above == self.levels.len() => above - 1,
            // Differences of two f32 of similar size are exact in f64.
            _ => {
                let below = x as f64 - self.levels[above - 1] as f64;
                let to_above = self.levels[above] as f64 - x as f64;
                above - (below <= to_above) as usize
            }
        }
    }

    /// The index of the nearest level for each of `values`.
    pub fn encode(&self, values: &[f32]) -> Vec<u16> {
        let mut codes = vec![0u16; values.len()];
        parallel::chunks(
            &mut codes,
            CHUNK,
            || (),
            |i, codes, ()| {
                for (code, &x) in codes.iter_mut().zip(&values[i * CHUNK..]) {
                    *code = self.nearest(x) as u16;
                }
            },
        );
        codes
    }

    /// The level of each of `codes`.
    ///
    /// # Errors
    /// [`Error::Argument`] where a code is not the index of a level.
    pub fn decode(&self, codes: &[u16]) -> Result<Vec<f32>> {
        let level = |&c: &u16| self.levels.get(c as usize).copied().ok_or(c);
        let levels: Result<Vec<f32>, u16> = codes.iter().map(level).collect();
        levels.map_err(|c| Error::argument("a code", &format!("below {}", self.levels.len()), c))
    }

    /// Σ weight · (value - nearest level)² / Σ weight; without weights each weight is 1.
    ///
    /// # Errors
    /// Those of [`lloyd`] for the values and weights.
    pub fn mse(&self, values: &[f32], weights: Option<&[f32]>) -> Result<f64> {
        check(values, weights)?;
        let mut sums = vec![(0f64, 0f64); values.len().div_ceil(CHUNK)];
        parallel::chunks(
            &mut sums,
            1,
            || (),
            |i, sum, ()| {
                for at in i * CHUNK..values.len().min((i + 1) * CHUNK) {
                    let weight = weights.map_or(1.0, |w| w[at] as f64);
                    let error = values[at] as f64 - self.levels[self.nearest(values[at])] as f64;
                    sum[0].0 += weight * error * error;
                    sum[0].1 += weight;
                }
            },
        );
        let (errors, total) = sums.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        Ok(errors / total)
    }
}

/// Values of a task.
const CHUNK: usize = 1 << 14;

/// Checks that there are 1 to 65 536 levels, so that 16-bit codes are enough.
fn check_count(levels: usize) -> Result<()> {
    match levels {
        1..=0x10000 => Ok(()),
        _ => Err(Error::argument("the number of levels", "1 to 65536", levels)),
    }
}

/// Checks that there are values, all finite, with one weight of at least 0 for each, and not all weights 0.
fn check(values: &[f32], weights: Option<&[f32]>) -> Result<()> {
    if values.is_empty() {
        return Err(Error::argument("the number of values", "at least 1", 0));
    }
    finite("value", values, values.len())?;
    let Some(weights) = weights else {
        return Ok(());
    };
    if weights.len() != values.len() {
        return Err(Error::Length {
            what: "importance",
            shape: format!("[{}]", values.len()),
            unit: "floats",
            expected: values.len(),
            got: weights.len(),
        });
    }
    if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        return Err(Error::argument("an importance weight", "finite and at least 0", weight));
    }
    if !weights.iter().any(|w| *w > 0.0) {
        return Err(Error::argument("the largest importance weight", "above 0", 0));
    }
    Ok(())
}

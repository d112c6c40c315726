//! The best codebook of k levels for given values, by dynamic programming.
//!
//! D(m, j), the least error of the first j values with m levels, is the minimum of D(m-1, i) + error(i..j) over i. The
//! best i never decreases as j grows (Wu, "Optimal quantization by matrix searching", 1991; Grønlund et al., "Fast
//! exact k-means in 1D", arXiv 1701.07204), so halving the range of j halves that of i too: O(n log n) for each level.

use super::sorted::Sorted;
use super::{Codebook, check, check_count};
use crate::reserve::within;
use crate::{Dense, Error, Result, parallel};

/// The codebook of `k` levels with the least weighted squared error on `values`; fewer levels where there are fewer
/// distinct values of positive weight. Takes O(k n log n) time for n distinct values, and 4 k n bytes.
///
/// # Errors
/// Those of [`lloyd`](super::lloyd), and [`Error::Argument`] where `k` is not 1 to 65536.
pub fn kmeans_exact(values: &[f32], weights: Option<&[f32]>, k: usize) -> Result<Codebook> {
    check_count(k)?;
    check(values, weights)?;
    let sorted = Sorted::new(values, weights);
    let n = sorted.values.len();
    if n <= k {
        return Codebook::new(sorted.values);
    }
    within("the number of distinct values", n as u64, u32::MAX.into())?;
    // least[j] is the least error of the first j values with as many levels as there are layers so far.
    let mut least: Vec<f64> = (0..=n).map(|j| sorted.error(0, j)).collect();
    let mut begins: Vec<Vec<u32>> = Vec::new();
    for layer in 1..k {
        let mut next = vec![f64::INFINITY; n + 1];
        let mut begin = vec![0u32; n + 1];
        // Each level has at least one value.
        let mut ranges = vec![(layer + 1, n + 1, layer, n)];
        while let Some((from, to, first, last)) = ranges.pop() {
            if from >= to {
                continue;
            }
            let j = (from + to) / 2;
            let (mut best, mut at) = (f64::INFINITY, first);
            for (i, before) in least.iter().enumerate().take(last.min(j - 1) + 1).skip(first) {
                let error = before + sorted.error(i, j);
                if error < best {
                    (best, at) = (error, i);
                }
            }
            (next[j], begin[j]) = (best, at as u32);
            ranges.push((from, j, first, at));
            ranges.push((j + 1, to, at, last));
        }
        least = next;
        begins.push(begin);
    }
    let mut levels = Vec::with_capacity(k);
    let mut end = n;
    for layer in (0..k).rev() {
        let start = layer.checked_sub(1).map_or(0, |l| begins[l][end] as usize);
        levels.extend(sorted.mean(start, end).map(|mean| mean as f32));
        end = start;
    }
    Codebook::new(levels)
}

/// Rows between two calls of `progress`.
const ROWS: usize = 16;

/// The best codebook of `levels` levels for each row of `dense` (as in SqueezeLLM, Kim et al., arXiv 2306.07629), with
/// one weight for each column (`k`) or each element (`n · k`). `progress` receives the share done, 0 to 1.
///
/// # Errors
/// Those of [`kmeans_exact`], and [`Error::Argument`] where the number of weights does not fit the shape.
pub fn kmeans_rows(
    dense: Dense,
    weights: Option<&[f32]>,
    levels: usize,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Vec<Codebook>> {
    let (n, k, w) = (dense.n(), dense.k(), dense.weights());
    if let Some(weights) = weights.filter(|s| s.len() != k && s.len() != w.len()) {
        let allowed = format!("{k} or {}", w.len());
        return Err(Error::argument(
            "the number of importance weights",
            &allowed,
            weights.len(),
        ));
    }
    let of_row = |row: usize| {
        let importance = weights.map(|all| if all.len() == k { all } else { &all[row * k..][..k] });
        kmeans_exact(&w[row * k..][..k], importance, levels)
    };
    let mut books = Vec::with_capacity(n);
    for first in (0..n).step_by(ROWS) {
        books.extend(parallel::map(ROWS.min(n - first), |row| of_row(first + row)));
        progress(books.len() as f32 / n as f32);
    }
    books.into_iter().collect()
}

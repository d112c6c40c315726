//! k-means over vectors of d floats: Lloyd's iteration from k-means++ seeds.

use super::seeding::seeds;
use crate::matrix::finite;
use crate::reserve::within;
use crate::setters::setters;
use crate::{Error, Result, parallel};

/// The most floats of a codebook: 65,536 entries of 256.
const MOST: u64 = 1 << 24;

/// k-means over vectors.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KMeans {
    /// Entries of the codebook, 1 to 65 536.
    pub entries: usize,
    /// Floats in a vector, at least 1.
    pub d: usize,
    /// The most rounds of Lloyd's iteration; 100 by default (`init_max_iter` of AQLM).
    pub rounds: usize,
    /// Stops once a round lowers the error by less than this share of it; 1e-4 by default, as in scikit-learn.
    pub tolerance: f64,
    /// The seed of the random numbers that choose the first entries.
    pub seed: u64,
}

setters!(KMeans {
    with_entries: entries: usize,
    with_d: d: usize,
    with_rounds: rounds: usize,
    with_tolerance: tolerance: f64,
    with_seed: seed: u64,
});

impl KMeans {
    /// `entries` vectors of `d` floats, with the defaults for the rest.
    pub fn new(entries: usize, d: usize) -> KMeans {
        KMeans {
            entries,
            d,
            rounds: 100,
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

/// The result of [`KMeans::fit`]: a codebook and the nearest entry of each vector.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KMeansResult {
    /// `entries` vectors of d floats.
    pub centroids: Vec<f32>,
    /// The entry of each vector.
    pub codes: Vec<u16>,
    /// Σ weight · (x - entry)² over all floats; without weights each weight is 1.
    pub error: f64,
}

impl KMeans {
    /// Fits a codebook to `points`, consecutive vectors of d floats.
    ///
    /// `weights` weigh the error of each float: one for each float, or fewer that repeat, such as the diagonal of a
    /// layer's Hessian for rows of k weights; a multiple of d in any case. An entry without vectors moves to the vector
    /// with the largest error. `progress` receives the share done, 0 to 1.
    ///
    /// # Errors
    /// [`Error::Argument`] where numbers are out of range or lengths do not fit; [`Error::NotFinite`] for a NaN or
    /// infinite float, in column `i` of vector `row`; [`Error::TooLarge`] for more than 2^24 floats in all entries.
    pub fn fit(
        &self,
        points: &[f32],
        weights: Option<&[f32]>,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<KMeansResult> {
        check(points, self.d, weights)?;
        if !(1..=0x10000).contains(&self.entries) {
            return Err(Error::argument("the number of entries", "1 to 65536", self.entries));
        }
        // The number of vectors does not limit the number of entries, so the product needs a bound.
        let floats = (self.entries as u64).saturating_mul(self.d as u64);
        within("the floats of a codebook", floats, MOST)?;
        let mut centroids = seeds(points, self.d, self.entries, self.seed, weights);
        let mut last = f64::INFINITY;
        let mut round = 0;
        loop {
            let assigned = assign(&centroids, self.d, points, weights);
            let error = assigned.iter().map(|(_, e)| *e as f64).sum::<f64>();
            round += 1;
            progress(round.min(self.rounds) as f32 / self.rounds.max(1) as f32);
            // An infinite error cannot be compared.
            let settled = last - error <= self.tolerance * error;
            if round >= self.rounds || (last.is_finite() && settled) {
                progress(1.0);
                return Ok(KMeansResult {
                    centroids,
                    codes: assigned.into_iter().map(|(code, _)| code).collect(),
                    error,
                });
            }
            last = error;
            self.centre(&mut centroids, points, weights, &assigned);
        }
    }

    /// Moves each entry to the weighted mean of its vectors.
    fn centre(&self, centroids: &mut [f32], points: &[f32], weights: Option<&[f32]>, assigned: &[(u16, f32)]) {
        let d = self.d;
        let mut sums = vec![(0f64, 0f64); centroids.len()];
        let mut members = vec![0usize; self.entries];
        for (i, (x, (code, _))) in points.chunks_exact(d).zip(assigned).enumerate() {
            let code = *code as usize;
            members[code] += 1;
            for (j, (sum, &x)) in sums[code * d..][..d].iter_mut().zip(x).enumerate() {
                let weight = weights.map_or(1.0, |w| w[(i * d + j) % w.len()] as f64);
                sum.0 += weight * x as f64;
                sum.1 += weight;
            }
        }
        for (c, (sum, weight)) in centroids.iter_mut().zip(sums).filter(|(_, s)| s.1 > 0.0) {
            *c = (sum / weight) as f32;
        }
        let mut worst: Vec<usize> = Vec::new();
        let empty = members.iter().filter(|m| **m == 0).count();
        if empty > 0 {
            let erring = (0..assigned.len()).filter(|&i| assigned[i].1 > 0.0);
            worst.extend(erring);
            // Largest errors first; equal ones in order.
            let order = |&a: &usize, &b: &usize| assigned[b].1.total_cmp(&assigned[a].1).then(a.cmp(&b));
            if worst.len() > empty {
                worst.select_nth_unstable_by(empty, order);
                worst.truncate(empty);
            }
            worst.sort_unstable_by(order);
        }
        let places = (0..self.entries).filter(|&c| members[c] == 0);
        for (code, point) in places.zip(worst) {
            centroids[code * d..][..d].copy_from_slice(&points[point * d..][..d]);
        }
    }
}

/// The nearest of `centroids` (vectors of `d` floats) for each vector of `points`, and Σ weight · (x - entry)².
/// `weights` is as in [`KMeans::fit`].
///
/// # Errors
/// Those of [`KMeans::fit`].
pub fn nearest(centroids: &[f32], d: usize, points: &[f32], weights: Option<&[f32]>) -> Result<(Vec<u16>, f64)> {
    check(points, d, weights)?;
    if centroids.is_empty() || !centroids.len().is_multiple_of(d) || centroids.len() / d > 0x10000 {
        let allowed = format!("1 to 65536 vectors of {d}");
        return Err(Error::argument(
            "the centroids",
            &allowed,
            format!("{} floats", centroids.len()),
        ));
    }
    let assigned = assign(centroids, d, points, weights);
    let error = assigned.iter().map(|(_, e)| *e as f64).sum::<f64>();
    Ok((assigned.into_iter().map(|(code, _)| code).collect(), error))
}

/// Vectors of a task.
const TASK: usize = 256;
/// Entries whose distances are computed at once, in vector registers.
const LANES: usize = 32;

/// The nearest entry of each vector, and its squared distance.
pub(super) fn assign(centroids: &[f32], d: usize, points: &[f32], weights: Option<&[f32]>) -> Vec<(u16, f32)> {
    // Float j of LANES entries is contiguous; padding entries of the last block are infinitely far.
    let entries = centroids.len() / d;
    let mut blocks = vec![f32::INFINITY; entries.div_ceil(LANES) * LANES * d];
    for (i, c) in centroids.chunks_exact(d).enumerate() {
        for (j, &c) in c.iter().enumerate() {
            blocks[(i / LANES * d + j) * LANES + i % LANES] = c;
        }
    }
    let mut assigned = vec![(0u16, 0f32); points.len() / d];
    parallel::chunks(
        &mut assigned,
        TASK,
        || vec![1f32; d],
        |task, assigned, weight| {
            for (i, out) in assigned.iter_mut().enumerate() {
                let at = (task * TASK + i) * d;
                let x = &points[at..at + d];
                if let Some(w) = weights {
                    weight.copy_from_slice(&w[at % w.len()..][..d]);
                }
                *out = nearest_of(&blocks, x, weight);
            }
        },
    );
    assigned
}

fn nearest_of(blocks: &[f32], x: &[f32], weight: &[f32]) -> (u16, f32) {
    let (mut at, mut best) = (0, f32::INFINITY);
    for (b, block) in blocks.chunks_exact(LANES * x.len()).enumerate() {
        let mut distance = [0f32; LANES];
        for ((lane, &x), &w) in block.as_chunks::<LANES>().0.iter().zip(x).zip(weight) {
            for (distance, c) in distance.iter_mut().zip(lane) {
                // A padding entry is infinitely far, or NaN with a weight of 0: never the least.
                let t = x - c;
                *distance += w * (t * t);
            }
        }
        let least = distance.iter().fold(f32::INFINITY, |m, &d| if d < m { d } else { m });
        if least < best {
            best = least;
            at = b * LANES + distance.iter().position(|&d| d == least).unwrap_or(0);
        }
    }
    (at as u16, best)
}

/// Checks that there are whole vectors of finite floats, and weights that repeat with whole vectors.
fn check(points: &[f32], d: usize, weights: Option<&[f32]>) -> Result<()> {
    if d == 0 || points.is_empty() || !points.len().is_multiple_of(d) {
        let allowed = format!("one or more vectors of {}", d.max(1));
        return Err(Error::argument(
            "the vectors",
            &allowed,
            format!("{} floats", points.len()),
        ));
    }
    finite("number", points, d)?;
    let Some(weights) = weights else {
        return Ok(());
    };
    let fits = weights.len().is_multiple_of(d) && points.len().is_multiple_of(weights.len().max(1));
    if weights.is_empty() || !fits {
        let allowed = format!("a multiple of {d} that divides {}", points.len());
        return Err(Error::argument(
            "the number of importance weights",
            &allowed,
            weights.len(),
        ));
    }
    match weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        None => Ok(()),
        Some(weight) => Err(Error::argument("an importance weight", "finite and at least 0", weight)),
    }
}

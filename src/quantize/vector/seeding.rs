//! The initial entries of k-means by k-means++ (Arthur and Vassilvitskii, 2007), which samples each entry from the
//! vectors with a probability proportional to their squared distance from the entries so far.

use crate::parallel;
use crate::random::SplitMix64;

/// Vectors that are sampled for each entry.
const SAMPLE: usize = 64;
/// The most entries chosen by k-means++, whose cost grows with their square; more entries are random vectors.
const MOST: usize = 4096;
/// Vectors of a task.
const TASK: usize = 1024;

/// The first `entries` entries for `points`, vectors of d floats that have been checked.
pub(super) fn seeds(points: &[f32], d: usize, entries: usize, seed: u64, weights: Option<&[f32]>) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    let count = points.len() / d;
    let mut sample: Vec<usize> = (0..count).collect();
    let enough = entries.saturating_mul(if entries > MOST { 1 } else { SAMPLE });
    if count > enough {
        // The first steps of Fisher and Yates.
        for i in 0..enough {
            let other = i + random.below(count - i);
            sample.swap(i, other);
        }
        sample.truncate(enough);
    }
    let vector = |i: usize| &points[sample[i] * d..][..d];
    let mut centroids = Vec::with_capacity(entries * d);
    if entries > MOST {
        for entry in 0..entries {
            centroids.extend_from_slice(vector(entry % sample.len()));
        }
        return centroids;
    }
    let mut distances = vec![f32::INFINITY; sample.len()];
    let mut chosen = random.below(sample.len());
    for _ in 0..entries {
        let c = vector(chosen);
        centroids.extend_from_slice(c);
        parallel::chunks(
            &mut distances,
            TASK,
            || (),
            |task, distances, ()| {
                for (i, distance) in distances.iter_mut().enumerate() {
                    let i = task * TASK + i;
                    let at = sample[i] * d;
                    let squares = vector(i).iter().zip(c).enumerate().map(|(j, (x, c))| {
                        let weight = weights.map_or(1.0, |w| w[(at + j) % w.len()]);
                        weight * (x - c) * (x - c)
                    });
                    *distance = distance.min(squares.sum());
                }
            },
        );
        let total: f64 = distances.iter().map(|d| *d as f64).sum();
        let mut left = random.uniform() * total;
        let reached = distances.iter().position(|&d| {
            left -= d as f64;
            left < 0.0
        });
        // Where all distances are 0, no distinct vector is left, and any vector will do.
        chosen = reached.unwrap_or_else(|| random.below(sample.len()));
    }
    centroids
}

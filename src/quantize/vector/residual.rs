//! Residual vector quantization: a codebook for the vectors, one for what it leaves of them, and so on (Juang and
//! Gray, "Multiple stage vector quantization for speech coding", 1982). AQLM starts from it.

use super::{Additive, KMeans};
use crate::calibrate::affine::check;
use crate::{Error, Result};

/// The most codebooks; AQLM has 8 at most.
const MOST: usize = 256;

/// Quantizes `n` rows of `k` weights with `stages` codebooks, each as `means` says, after division by a scale for each
/// row, the square root of its mean square.
///
/// `importance` says how much the errors of each column matter, `k` numbers: the diagonal of H = XXᵀ, say. `progress`
/// is told the share done.
///
/// # Errors
/// Those of [`KMeans::fit`]; [`Error::Length`] or [`Error::Empty`] where the shape does not fit, [`Error::Argument`]
/// where k is no multiple of d, the stages are not 1 to 256, or there is not one importance for each column.
pub fn residual(
    w: &[f32],
    (n, k): (usize, usize),
    importance: Option<&[f32]>,
    stages: usize,
    means: &KMeans,
    progress: &(dyn Fn(f32) + Sync),
) -> Result<Additive> {
    if n == 0 || k == 0 {
        return Err(Error::Empty { n, k });
    }
    check(w, n, k)?;
    let d = means.d;
    if d == 0 || !k.is_multiple_of(d) {
        return Err(Error::argument(
            "k",
            &format!("a multiple of the {d} floats of a vector"),
            k,
        ));
    }
    if !(1..=MOST).contains(&stages) {
        return Err(Error::argument(
            "the number of codebooks",
            &format!("1 to {MOST}"),
            stages,
        ));
    }
    if let Some(importance) = importance.filter(|i| i.len() != k) {
        return Err(Error::argument(
            "the number of importance weights",
            &k.to_string(),
            importance.len(),
        ));
    }
    let scales: Vec<f32> = w.chunks_exact(k).map(scale).collect();
    let mut left = w.to_vec();
    for (row, s) in left.chunks_exact_mut(k).zip(&scales) {
        row.iter_mut().for_each(|w| *w /= s);
    }
    // An error of a row counts by the square of what it is multiplied by.
    let weights: Vec<f32> = scales
        .iter()
        .flat_map(|s| (0..k).map(move |j| s * s * importance.map_or(1.0, |i| i[j])))
        .collect();
    let points = n * k / d;
    let mut quantized = Additive {
        n,
        k,
        d,
        codebooks: Vec::with_capacity(stages),
        codes: vec![0; points * stages],
        scales,
    };
    for stage in 0..stages {
        let part = |share: f32| progress((stage as f32 + share) / stages as f32);
        let means = KMeans {
            seed: means.seed.wrapping_add(stage as u64),
            ..means.clone()
        };
        let clusters = means.fit(&left, Some(&weights), &part)?;
        for (i, (x, &code)) in left.chunks_exact_mut(d).zip(&clusters.codes).enumerate() {
            quantized.codes[i * stages + stage] = code;
            let entry = &clusters.centroids[code as usize * d..][..d];
            x.iter_mut().zip(entry).for_each(|(x, c)| *x -= c);
        }
        quantized.codebooks.push(clusters.centroids);
    }
    Ok(quantized)
}

/// The square root of the mean square; 1 for a row of zeros, and a normal float in any case.
fn scale(row: &[f32]) -> f32 {
    let squares: f64 = row.iter().map(|w| *w as f64 * *w as f64).sum();
    match (squares / row.len() as f64).sqrt() as f32 {
        s if s.is_normal() => s,
        _ => 1.0,
    }
}

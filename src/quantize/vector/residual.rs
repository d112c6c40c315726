//! Residual vector quantization: one codebook for the vectors, the next for the residual, and so on (Juang and Gray,
//! "Multiple stage vector quantization for speech coding", 1982). AQLM starts from it.

use super::{Additive, KMeans};
use crate::setters::setters;
use crate::{Dense, Error, Result};

/// The most codebooks; AQLM has at most 8.
const MOST: usize = 256;

/// Residual vector quantization.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Residual {
    /// Codebooks, 1 to 256.
    pub stages: usize,
    /// How each codebook is fitted.
    pub means: KMeans,
}

setters!(Residual { with_stages: stages: usize, with_means: means: KMeans });

impl Residual {
    /// `stages` codebooks, each fitted by `means`.
    pub fn new(stages: usize, means: KMeans) -> Residual {
        Residual { stages, means }
    }

    /// Quantizes `dense`, `n` rows of `k` weights, after division of each row by its scale, the square root of its mean
    /// square.
    ///
    /// `importance` weighs the errors of each column, `k` numbers: the diagonal of H = XXᵀ, for example. `progress`
    /// receives the share done, 0 to 1.
    ///
    /// # Errors
    /// Those of [`KMeans::fit`]; [`Error::Argument`] where k is not a multiple of d, the stages are not 1 to 256, or
    /// there is not one importance weight for each column.
    pub fn quantize(
        &self,
        dense: Dense,
        importance: Option<&[f32]>,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Additive> {
        let (n, k, w) = (dense.n(), dense.k(), dense.weights());
        let (d, stages) = (self.means.d, self.stages);
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
        // The error of a row counts with the square of its scale.
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
                seed: self.means.seed.wrapping_add(stage as u64),
                ..self.means.clone()
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
}

/// The square root of the mean square; 1 for a row of zeros, and a normal float in any case.
fn scale(row: &[f32]) -> f32 {
    let squares: f64 = row.iter().map(|w| *w as f64 * *w as f64).sum();
    match (squares / row.len() as f64).sqrt() as f32 {
        s if s.is_normal() => s,
        _ => 1.0,
    }
}

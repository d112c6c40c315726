//! Ternary weights: Ŵ = α·t with t of -1, 0, 1, and three rules for α and the threshold below which a weight becomes 0.

use super::binary::{check_importance, check_parts, pack, store, values};
use crate::formats::bits::set_field;
use crate::matrix::check_shape;
use crate::setters::setters;
use crate::{Dense, Error, Format, Group, Matrix, Result, ScaleType, parallel};
use std::borrow::Cow;

/// How α and the zeros are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Rule {
    /// BitNet b1.58 (Ma et al., 2024, arXiv 2402.17764): γ = mean |W|, at least 1e-5, and t = clamp(round(W/γ), -1, 1),
    /// so that the threshold is γ/2. The paper takes one γ for the whole tensor. Importance has no effect.
    AbsMean,
    /// Ternary weight networks (Li et al., 2016, arXiv 1605.04711): the threshold is 0.7·mean |W|, and α is the mean
    /// |w| above it, weighted by importance where that is given.
    Twn,
    /// The least Σ h·(w - αt)². With the j largest magnitudes kept, their mean α reduces the error by (Σ h|w|)² / Σ h,
    /// so that every j can be tried once the weights are sorted.
    LeastSquares,
}

/// Quantization to ternary weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Ternary {
    /// Which weights share α.
    pub group: Group,
    /// How α and the zeros are chosen.
    pub rule: Rule,
}

setters!(Ternary { with_group: group: Group, with_rule: rule: Rule });

impl Ternary {
    /// One α for each `group`, chosen by `rule`.
    pub fn new(group: Group, rule: Rule) -> Ternary {
        Ternary { group, rule }
    }

    /// The ternary weights. `importance` weighs the errors of each column, `k` numbers of at least 0.
    ///
    /// # Errors
    /// [`Error::Argument`] where the group has 0 weights or `importance` does not fit.
    pub fn quantize(&self, dense: Dense, importance: Option<&[f32]>) -> Result<TernaryResult> {
        let (n, k, w) = (dense.n(), dense.k(), dense.weights());
        let &Ternary { group, rule } = self;
        // Scale and threshold of each group.
        let mut chosen = vec![(0f32, 0f32); group.runs(n, k)?];
        check_importance(importance, k)?;
        parallel::chunks(
            &mut chosen,
            1,
            || (),
            |i, chosen, ()| {
                let (start, len) = group.run(n, k, i);
                let h = |i: usize| importance.map_or(1.0, |h| h[(start + i) % k] as f64);
                chosen[0] = choose(&w[start..start + len], h, rule);
            },
        );
        let mut codes = vec![0i8; w.len()];
        for (i, &(scale, threshold)) in chosen.iter().enumerate() {
            let (start, len) = group.run(n, k, i);
            let run = start..start + len;
            for (code, &w) in codes[run.clone()].iter_mut().zip(&w[run]) {
                let sign = if w < 0.0 { -1 } else { 1 };
                *code = match rule {
                    Rule::AbsMean => (w / scale).round_ties_even().clamp(-1.0, 1.0) as i8,
                    _ if w.abs() >= threshold && w != 0.0 => sign,
                    _ => 0,
                };
            }
        }
        Ok(TernaryResult {
            n,
            k,
            group,
            codes,
            scales: chosen.iter().map(|c| c.0).collect(),
        })
    }
}

/// `n` rows of `k` weights, each -α, 0 or α.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TernaryResult {
    /// Rows.
    pub n: usize,
    /// Weights in a row.
    pub k: usize,
    /// Which weights share α.
    pub group: Group,
    /// `[n, k]`: -1, 0 or 1.
    pub codes: Vec<i8>,
    /// α of each group, row after row.
    pub scales: Vec<f32>,
}

/// The scale of a group, and the least magnitude that is kept.
fn choose(w: &[f32], h: impl Fn(usize) -> f64, rule: Rule) -> (f32, f32) {
    let mean = w.iter().map(|w| w.abs() as f64).sum::<f64>() / w.len() as f64;
    match rule {
        Rule::AbsMean => (mean.max(1e-5) as f32, 0.0),
        Rule::Twn => {
            let threshold = 0.7 * mean;
            let kept = w.iter().enumerate().filter(|(_, w)| w.abs() as f64 > threshold);
            let sums = kept.fold((0.0, 0.0, f32::INFINITY), |(sum, weight, least), (i, w)| {
                let h = h(i);
                (sum + h * w.abs() as f64, weight + h, w.abs().min(least))
            });
            let (sum, weight, least) = sums;
            (if weight > 0.0 { (sum / weight) as f32 } else { 0.0 }, least)
        }
        Rule::LeastSquares => {
            let mut order: Vec<(f32, f64)> = w.iter().enumerate().map(|(i, w)| (w.abs(), h(i))).collect();
            // The largest first. Equal magnitudes are ordered by weight, so that the result does not depend on their
            // order.
            order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
            let (mut sum, mut weight) = (0f64, 0f64);
            let (mut best, mut chosen) = (0f64, (0f32, f32::INFINITY));
            for (w, h) in order {
                sum += h * w as f64;
                weight += h;
                if weight > 0.0 && sum * sum / weight > best {
                    best = sum * sum / weight;
                    chosen = ((sum / weight) as f32, w);
                }
            }
            chosen
        }
    }
}

impl TernaryResult {
    /// The weights, `n` rows of `k`.
    ///
    /// # Errors
    /// [`Error::Argument`] where parts do not fit the shape.
    pub fn dequantize(&self) -> Result<Vec<f32>> {
        values((self.n, self.k), self.group, &self.codes, &self.scales)
    }

    /// The matrix in format `TERNARY` with the same groups (whole rows for groups of a row or the tensor), with scales
    /// of type `scale`.
    ///
    /// # Errors
    /// [`Error::Group`] where groups are not a multiple of 8, [`Error::ScaleRange`] where a scale is infinite in this
    /// type, [`Error::Argument`] where the parts do not fit the shape, [`Error::Scale`] for a type that the format does
    /// not support.
    pub fn pack(&self, scale: ScaleType) -> Result<Matrix<'static>> {
        let fields = |codes: &[i8], stream: &mut [u8]| {
            for (i, code) in codes.iter().enumerate() {
                set_field::<2>(stream, i, field(*code));
            }
        };
        let format = Format::TERNARY.with_scale(scale)?;
        let parts = (&self.codes[..], &self.scales[..]);
        pack((self.n, self.k), self.group, format, parts, fields)
    }

    /// The matrix in GGUF's `TQ2_0`: blocks of 256 with an f16 scale, so that groups must be a multiple of 256.
    ///
    /// # Errors
    /// [`Error::Block`] where k is not a multiple of 256, and those of [`pack`](TernaryResult::pack).
    pub fn pack_tq2_0(&self) -> Result<Matrix<'static>> {
        let &TernaryResult { n, k, .. } = self;
        let (format, block_len, block_bytes) = (Format::TQ2_0, 256, 66);
        let row_bytes = check_shape(format, n, k)?;
        let run = match self.group {
            Group::Len(g) => g.min(k),
            _ => k,
        };
        if run % block_len != 0 {
            return Err(Error::argument("a group", "a multiple of 256", run));
        }
        check_parts((n, k), self.group, &self.codes, &self.scales)?;
        let mut bytes = vec![0u8; n * row_bytes];
        let blocks = bytes.chunks_exact_mut(block_bytes);
        for (b, block) in blocks.enumerate() {
            let at = b * block_len;
            let (row, column) = (at / k, at % k);
            let scale = match self.group {
                Group::Tensor => self.scales[0],
                _ => self.scales[row * k.div_ceil(run) + column / run],
            };
            store(format, scale, ScaleType::F16, &mut block[64..])?;
            // In each half of 128, weight 32n + m is bit pair n of byte m.
            for (i, code) in self.codes[at..at + block_len].iter().enumerate() {
                block[32 * (i / 128) + i % 32] |= field(*code) << (2 * (i % 128 / 32));
            }
        }
        Matrix::from_bytes(format, n, k, Cow::Owned(bytes))
    }
}

fn field(code: i8) -> u8 {
    (code.clamp(-1, 1) + 1) as u8
}

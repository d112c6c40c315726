//! AWQ's formulas, one at a time and in f64.

use lowbit::calibrate::smooth::fold_into_columns;
use lowbit::{Dense, Format, Matrix};

/// `Σ ((ŵ - w) · x)²` of one row, in f64.
pub fn row_error(q: &[f32], w: &[f32], x: &[f32], k: usize) -> f64 {
    let dot = |x: &[f32]| -> f64 {
        let terms = q.iter().zip(w).zip(x);
        terms
            .map(|((&q, &w), &x)| (f64::from(q) - f64::from(w)) * f64::from(x))
            .sum()
    };
    x.chunks(k).map(|x| dot(x).powi(2)).sum()
}

/// The mean squared error of outputs, in f64.
pub fn error(layers: &[(usize, &[f32])], rounded: &[Vec<f32>], x: &[f32], k: usize) -> f64 {
    let n: usize = layers.iter().map(|l| l.0).sum();
    let rows = layers
        .iter()
        .zip(rounded)
        .flat_map(|((_, w), q)| q.chunks(k).zip(w.chunks(k)));
    let sum: f64 = rows.map(|(q, w)| row_error(q, w, x, k)).sum();
    sum / (n * (x.len() / k)) as f64
}

/// s of the paper and the tool, in f64.
pub fn factors(layers: &[(usize, &[f32])], x: &[f32], k: usize, group: usize, r: f64, duo: bool) -> Vec<f32> {
    let rows = (x.len() / k) as f64;
    let n: usize = layers.iter().map(|l| l.0).sum();
    let s: Vec<f64> = (0..k)
        .map(|j| {
            let x = x.iter().skip(j).step_by(k).map(|x| f64::from(x.abs())).sum::<f64>() / rows;
            let normalized = layers.iter().flat_map(|l| l.1.chunks(k)).map(|row| {
                let group = &row[j / group * group..(j / group * group + group).min(k)];
                let largest = group.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
                f64::from(row[j].abs()) / (largest + 1e-6)
            });
            let w = normalized.sum::<f64>() / n as f64;
            if duo {
                (x.powf(r) / (w.powf(1.0 - r) + 1e-4)).max(1e-4)
            } else {
                x.powf(r).max(1e-4)
            }
        })
        .collect();
    let lo = s.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = s.iter().copied().fold(0.0, f64::max);
    s.iter().map(|s| (s / (lo * hi).sqrt()) as f32).collect()
}

/// `Q(W diag(s)) diag(s)⁻¹`
pub fn rounded(format: Format, n: usize, w: &[f32], s: &[f32]) -> Vec<f32> {
    let mut w = w.to_vec();
    fold_into_columns(&mut w, s).unwrap();
    let mut q = Matrix::quantize(format, Dense::new(n, s.len(), &w).unwrap())
        .unwrap()
        .dequantize();
    q.chunks_mut(s.len())
        .for_each(|q| q.iter_mut().zip(s).for_each(|(q, s)| *q /= s));
    q
}

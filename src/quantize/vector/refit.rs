//! The codebooks of least output error for given codes: linear least squares, by conjugate gradients.
//!
//! Ŵ is linear in the entries c, Ŵ = Dc, so with E = W - Ŵ the best change p solves DᵀHD p = DᵀHE. D maps entries to
//! weights: the sum of the entries of each code, times the row's scale. Dᵀ sums, for each entry, the values at all
//! places with its code. Neither is stored. The system is preconditioned by its diagonal, since entries differ in use.

use super::Additive;
use crate::{Matrix, Result};

/// Takes at most `steps` steps; stops early on convergence. `h` is the matrix `hessian` as floats.
pub(super) fn refit(w: &[f32], quantized: &mut Additive, hessian: &Matrix, h: &[f32], steps: usize) -> Result<()> {
    let residual = hessian.matmul(&quantized.errors(w))?;
    let mut r = gather(quantized, &residual);
    let diagonal = diagonal(quantized, h);
    // An entry without a code, or with inputs that are all 0, stays unchanged.
    let scaled = |r: &[f64]| -> Vec<f64> {
        let terms = r.iter().zip(&diagonal);
        terms.map(|(r, d)| if *d > 0.0 { r / d } else { 0.0 }).collect()
    };
    let mut z = scaled(&r);
    let mut p = z.clone();
    let mut change = vec![0f64; p.len()];
    let mut rz = dot(&r, &z);
    let enough = 1e-8 * rz;
    for _ in 0..steps {
        let direction = books(quantized, |i| p[i] as f32);
        let mut moved = quantized.unscaled(&direction);
        for (row, s) in moved.chunks_exact_mut(quantized.k).zip(&quantized.scales) {
            row.iter_mut().for_each(|v| *v *= s);
        }
        let product = hessian.matmul(&moved)?;
        let ap = gather(quantized, &product);
        let curvature = dot(&p, &ap);
        if !(curvature > 0.0 && rz > enough) {
            break;
        }
        let alpha = rz / curvature;
        for (((c, p), r), ap) in change.iter_mut().zip(&p).zip(&mut r).zip(&ap) {
            *c += alpha * p;
            *r -= alpha * ap;
        }
        z = scaled(&r);
        let next = dot(&r, &z);
        p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + next / rz * *p);
        rz = next;
    }
    let old = std::mem::take(&mut quantized.codebooks);
    let flat: Vec<f32> = old.iter().flatten().copied().collect();
    quantized.codebooks = old;
    quantized.codebooks = books(quantized, |i| (flat[i] as f64 + change[i]) as f32);
    Ok(())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Codebooks of the same shape; `value(i)` is float i of all of them in order.
fn books(quantized: &Additive, value: impl Fn(usize) -> f32) -> Vec<Vec<f32>> {
    let len = quantized.codebooks[0].len();
    let book = |m: usize| (m * len..(m + 1) * len).map(&value).collect();
    (0..quantized.codebooks.len()).map(book).collect()
}

/// Dᵀ: for each entry the sum of `values` (n rows of k) at all places with its code, times the scales of the rows.
fn gather(quantized: &Additive, values: &[f32]) -> Vec<f64> {
    let (d, count) = (quantized.d, quantized.codebooks.len());
    let len = quantized.codebooks[0].len();
    let mut sums = vec![0f64; count * len];
    for (row, (values, &s)) in values.chunks_exact(quantized.k).zip(&quantized.scales).enumerate() {
        let codes = quantized.row_codes(row).chunks_exact(count);
        for (values, codes) in values.chunks_exact(d).zip(codes) {
            for (m, &code) in codes.iter().enumerate() {
                let sums = &mut sums[m * len + code as usize * d..][..d];
                for (sum, v) in sums.iter_mut().zip(values) {
                    *sum += s as f64 * *v as f64;
                }
            }
        }
    }
    sums
}

/// The diagonal of DᵀHD, without the cross terms of entries that a row uses more than once.
fn diagonal(quantized: &Additive, h: &[f32]) -> Vec<f64> {
    let k = quantized.k;
    let squares: Vec<f32> = quantized
        .scales
        .iter()
        .flat_map(|s| (0..k).map(move |j| s * h[j * k + j]))
        .collect();
    gather(quantized, &squares)
}

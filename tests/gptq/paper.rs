//! The algorithm as the paper has it, in f64, against GPTQ.

use super::{hessian, inputs, normals, run};
use lowbit::quantize::gptq::Gptq;
use lowbit::{Dense, Format, Matrix};

/// The paper's algorithm in f64: H inverted, its Cholesky factor, column by column; symmetric 4 bits.
fn paper(k: usize, w: &[f32], h: &[f64], group: usize) -> Vec<f64> {
    let mean = h.iter().step_by(k + 1).sum::<f64>() / k as f64;
    let mut a = h.to_vec();
    a.iter_mut().step_by(k + 1).for_each(|h| *h += 0.01 * mean);
    // The inverse, by Gauss-Jordan elimination.
    let mut inverse = vec![0f64; k * k];
    inverse.iter_mut().step_by(k + 1).for_each(|h| *h = 1.0);
    for p in 0..k {
        let pivot = a[p * k + p];
        for j in 0..k {
            a[p * k + j] /= pivot;
            inverse[p * k + j] /= pivot;
        }
        for i in (0..k).filter(|&i| i != p) {
            let factor = a[i * k + p];
            for j in 0..k {
                a[i * k + j] -= factor * a[p * k + j];
                inverse[i * k + j] -= factor * inverse[p * k + j];
            }
        }
    }
    // Its upper factor, inverse = Uᵀ U, row by row.
    let mut u = vec![0f64; k * k];
    for i in 0..k {
        for j in i..k {
            let sum: f64 = (0..i).map(|t| u[t * k + i] * u[t * k + j]).sum();
            let rest = inverse[i * k + j] - sum;
            u[i * k + j] = if i == j { rest.sqrt() } else { rest / u[i * k + i] };
        }
    }
    let mut out = Vec::new();
    for w in w.chunks(k) {
        let mut w: Vec<f64> = w.iter().map(|w| *w as f64).collect();
        let mut scale = 0.0;
        for i in 0..k {
            if i % group == 0 {
                let extreme = w[i..i + group]
                    .iter()
                    .fold(0f64, |m, w| if w.abs() > m.abs() { *w } else { m });
                scale = half::f16::from_f64(extreme / -8.0).to_f64();
            }
            let q = scale * (w[i] / scale).round().clamp(-8.0, 7.0);
            let e = (w[i] - q) / u[i * k + i];
            for j in i..k {
                w[j] -= e * u[i * k + j];
            }
            out.push(q);
        }
    }
    out
}

#[test]
fn as_the_paper_has_it() {
    let (n, k) = (24, 96);
    let w = normals(3, n * k);
    let hessian = hessian(k, &inputs(k, 200));
    let expected = paper(k, &w, &hessian.matrix(), 16);
    let format = Format::INT4.with_group(16).unwrap();
    for block in [16, 32, 128] {
        let options = Gptq::default().with_block(block);
        let got = run(format, k, &w, &hessian, &options).linear.dequantize();
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            // Both are products of the same scale and code; one code off would be about a tenth.
            assert!((*got as f64 - expected).abs() < 1e-6, "{block}, {i}: {got}, {expected}");
        }
    }
    // The comparison distinguishes the paper's method from others.
    let rounded = Matrix::quantize(format, Dense::new(n, k, &w).unwrap())
        .unwrap()
        .dequantize();
    let differ = rounded
        .iter()
        .zip(&expected)
        .filter(|(a, b)| (**a as f64 - **b).abs() > 1e-6);
    assert!(differ.count() > n * k / 4);
}

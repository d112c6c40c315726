//! The error of outputs, `‖(Ŵ - W) X‖²`, row by row of the weights.
//!
//! For one row d of `Ŵ - W` it is `Σ_t (d · x_t)²`, or `d G dᵀ` with the Gram matrix `G = Σ_t x_t x_tᵀ`. The first
//! takes one product for each row of inputs, the second one for each column once G is known; the cheaper one is used.
//! Both are products with a matrix of floats.

use crate::{Format, Matrix, Result};

/// Rows of inputs that are summed in f32 before they are added in f64.
const RUN: usize = 4096;
/// Rows of weights whose products are held at once.
const ROWS: usize = 512;

pub(super) struct Metric {
    /// G, k rows of k, or the inputs.
    factors: Matrix<'static>,
    gram: bool,
    tokens: usize,
}

impl Metric {
    /// The metric of inputs `x`, rows of `k` finite floats, for `rows` rows of weights in total.
    pub fn new(k: usize, x: &[f32], rows: usize) -> Result<Self> {
        let tokens = x.len() / k;
        let (products, with_gram) = (
            rows.saturating_mul(tokens),
            tokens.saturating_mul(k).saturating_add(rows.saturating_mul(k)),
        );
        Ok(if with_gram < products {
            Self::of_gram(k, x)?
        } else {
            Self::of_inputs(k, x)?
        })
    }

    fn of_inputs(k: usize, x: &[f32]) -> Result<Self> {
        let tokens = x.len() / k;
        Ok(Metric {
            factors: floats(tokens, k, x)?,
            gram: false,
            tokens,
        })
    }

    fn of_gram(k: usize, x: &[f32]) -> Result<Self> {
        let mut sums = vec![0f64; k * k];
        for x in x.chunks(RUN * k) {
            let run = x.len() / k;
            let mut columns = vec![0f32; x.len()];
            for (t, row) in x.chunks_exact(k).enumerate() {
                for (j, &x) in row.iter().enumerate() {
                    columns[j * run + t] = x;
                }
            }
            let products = floats(k, run, &columns)?.matmul(&columns)?;
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum += f64::from(product);
            }
        }
        let gram: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
        Ok(Metric {
            factors: floats(k, k, &gram)?,
            gram: true,
            tokens: x.len() / k,
        })
    }

    /// For each row d of `errors`, rows of k, the mean over the inputs of `(d · x)²`.
    pub fn losses(&self, errors: &[f32]) -> Result<Vec<f64>> {
        let k = self.factors.k();
        let mut losses = Vec::with_capacity(errors.len() / k);
        for errors in errors.chunks(ROWS * k) {
            let products = self.factors.matmul(errors)?;
            for (p, d) in products.chunks(self.factors.n()).zip(errors.chunks(k)) {
                let dot =
                    |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
                let sum = if self.gram { dot(p, d) } else { dot(p, p) };
                // Rounding can make a form that is 0 slightly negative.
                losses.push(sum.max(0.0) / self.tokens as f64);
            }
        }
        Ok(losses)
    }
}

fn floats(n: usize, k: usize, values: &[f32]) -> Result<Matrix<'static>> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Matrix::from_bytes(Format::F32, n, k, bytes)
}

#[cfg(test)]
mod tests {
    use super::Metric;
    use crate::random::SplitMix64;

    /// Both ways against the sum itself in f64, over more rows than one run; inputs have a mean, so
    /// that G has large entries off its diagonal.
    #[test]
    fn both_ways() {
        let (n, k, tokens) = (3, 24, 5000);
        let mut random = SplitMix64::new(7);
        let mut normals =
            |count, mean: f64| -> Vec<f32> { (0..count).map(|_| (mean + random.normal()) as f32).collect() };
        let (x, d) = (normals(tokens * k, 3.0), normals(n * k, 0.0));
        let dot = |d: &[f32], x: &[f32]| -> f64 { d.iter().zip(x).map(|(&d, &x)| f64::from(d) * f64::from(x)).sum() };
        let exact: Vec<f64> = d
            .chunks(k)
            .map(|d| x.chunks(k).map(|x| dot(d, x).powi(2)).sum::<f64>() / tokens as f64)
            .collect();
        for metric in [Metric::of_gram(k, &x), Metric::of_inputs(k, &x)] {
            let metric = metric.unwrap();
            for (got, exact) in metric.losses(&d).unwrap().iter().zip(&exact) {
                // f32 sums of 24 or 4096 terms that are 10 times what is left of them.
                assert!((got / exact - 1.0).abs() <= 1e-4, "{got} for {exact}");
            }
        }
        assert!(Metric::new(k, &x, 1000).unwrap().gram);
        assert!(!Metric::new(k, &x, 1).unwrap().gram);
        assert!(!Metric::new(k, &x[..10 * k], 1000).unwrap().gram);
    }
}

//! Statistics of columns from a sample of inputs, and the quantizer that uses them.

use crate::dense::{Dense, inputs};
use crate::{Error, Format, Matrix, Result};

/// The number of rows in a sample of inputs; an error where there is none.
pub(super) fn sample(k: usize, x: &[f32]) -> Result<usize> {
    match inputs(k, x)? {
        0 => Err(Error::argument("the number of input rows", "at least 1", "0")),
        rows => Ok(rows),
    }
}

/// The mean of the squares of each column of `x`, rows of `k` floats.
pub(super) fn mean_squares(k: usize, x: &[f32]) -> Vec<f32> {
    column_means(k, x, |x| x * x).into_iter().map(|m| m as f32).collect()
}

/// The mean of `f` over each column of `x`, at least one row of `k` floats.
pub(super) fn column_means(k: usize, x: &[f32], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0f64; k];
    for row in x.chunks_exact(k) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += f(f64::from(x));
        }
    }
    let rows = (x.len() / k) as f64;
    sums.iter_mut().for_each(|sum| *sum /= rows);
    sums
}

/// Q: the format's own rounding, weighted by the importance of columns where that is known.
pub(super) fn quantize(format: Format, dense: Dense, importance: Option<&[f32]>) -> Result<Matrix<'static>> {
    match importance {
        Some(importance) => Matrix::quantize_weighted(format, dense, importance),
        None => Matrix::quantize(format, dense),
    }
}

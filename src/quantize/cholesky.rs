//! The factor U of GPTQ: upper triangular, H⁻¹ = Uᵀ U.
//!
//! The paper's tool inverts H by its Cholesky factor and factors the inverse once more. The same U comes from one
//! factorization: reverse the order of rows and columns, factor H = L Lᵀ, invert L, and reverse again. That takes half
//! the work and loses less precision.

use crate::{Error, Result, parallel};

/// U, `k` rows of `k` with zeros below the diagonal. `h` is symmetric, `k` rows of `k`.
///
/// # Errors
/// [`Error::NotPositiveDefinite`], with its column counted from the last.
pub(crate) fn inverse_upper(mut h: Vec<f64>, k: usize) -> Result<Vec<f32>> {
    // Reversing the entries of a square matrix reverses its rows and its columns.
    h.reverse();
    #[cfg(feature = "faer")]
    return by_faer::inverse_upper(&h, k);
    #[cfg(not(feature = "faer"))]
    {
        plain::factor(&mut h, k)?;
        let inverse = plain::inverse_transposed(&h, k);
        drop(h);
        let at = |i: usize, j: usize| inverse[(k - 1 - j) * k + (k - 1 - i)];
        Ok(upper(k, at))
    }
}

/// The upper triangle of `at(row, column)`, as floats.
fn upper(k: usize, at: impl Fn(usize, usize) -> f64 + Sync) -> Vec<f32> {
    let mut u = vec![0f32; k * k];
    // Eight rows at a time: reads go down the columns, and a cache line holds eight numbers.
    parallel::chunks(
        &mut u,
        8 * k,
        || (),
        |c, rows, ()| {
            for j in 8 * c..k {
                for (r, row) in rows.chunks_mut(k).enumerate() {
                    if 8 * c + r <= j {
                        row[j] = at(8 * c + r, j) as f32;
                    }
                }
            }
        },
    );
    u
}

#[cfg(feature = "faer")]
mod by_faer {
    use super::{Error, Result, upper};
    use faer::linalg::solvers::Llt;
    use faer::linalg::triangular_inverse::invert_lower_triangular;
    use faer::{Mat, MatRef, Par, Side};

    /// On one thread, so that the result does not depend on their number.
    pub(super) fn inverse_upper(h: &[f64], k: usize) -> Result<Vec<f32>> {
        // The matrix is symmetric, so row-major and column-major order are the same.
        let h = MatRef::from_column_major_slice(h, k, k);
        let factor = Llt::new(h, Side::Lower).map_err(|e| {
            let faer::linalg::cholesky::llt::factor::LltError::NonPositivePivot { index } = e;
            Error::NotPositiveDefinite {
                column: k - 1 - index,
                n: k,
                pivot: f64::NAN,
            }
        })?;
        let mut inverse = Mat::<f64>::zeros(k, k);
        invert_lower_triangular(inverse.as_mut(), factor.L(), Par::Seq);
        Ok(upper(k, |i, j| inverse[(k - 1 - i, k - 1 - j)]))
    }
}

#[cfg(not(feature = "faer"))]
mod plain {
    //! A blocked left-looking factorization on all cores: panels of columns from left to right, each a product with all
    //! columns to its left.

    use super::{Error, Result};
    use crate::parallel;
    use crate::quantize::tiles::{TileRows, dots_f64};
    use crate::simd;
    use fearless_simd::Level;

    /// Columns in a panel.
    const PANEL: usize = 64;

    /// Rows of a task.
    const TASK: usize = 64;

    /// L in the lower triangle of `a`, such that a = L Lᵀ. The upper triangle stays unchanged.
    pub(super) fn factor(a: &mut [f64], k: usize) -> Result<()> {
        let level = simd::best();
        for start in (0..k).step_by(PANEL) {
            let width = PANEL.min(k - start);
            let (above, below) = a.split_at_mut((start + width) * k);
            let panel = &mut above[start * k..];
            let mut sums = vec![0f64; width * width];
            let left = TileRows {
                data: &*panel,
                stride: k,
                count: width,
                len: start,
            };
            dots_f64(level, left, left, &mut sums);
            for i in 0..width {
                for j in 0..=i {
                    let mut sum = panel[i * k + start + j] - sums[i * width + j];
                    for t in start..start + j {
                        sum -= panel[i * k + t] * panel[j * k + t];
                    }
                    panel[i * k + start + j] = if i != j {
                        sum / panel[j * k + start + j]
                    } else if sum > 0.0 && sum.is_finite() {
                        sum.sqrt()
                    } else {
                        return Err(Error::NotPositiveDefinite {
                            column: k - 1 - (start + i),
                            n: k,
                            pivot: sum,
                        });
                    };
                }
            }
            let panel = &*panel;
            parallel::chunks(below, TASK * k, Vec::new, |_, rows, sums| {
                solve(level, rows, panel, k, 0, start, sums);
            });
        }
        Ok(())
    }

    /// L⁻¹, transposed: row c is column c of L⁻¹, with zeros before c.
    pub(super) fn inverse_transposed(l: &[f64], k: usize) -> Vec<f64> {
        let level = simd::best();
        let mut inverse = vec![0f64; k * k];
        parallel::chunks(&mut inverse, TASK * k, Vec::new, |task, rows, sums| {
            let first = task * TASK;
            for (r, row) in rows.chunks_mut(k).enumerate() {
                row[first + r] = 1.0;
            }
            for start in (first..k).step_by(PANEL) {
                let end = (start + PANEL).min(k);
                solve(level, rows, &l[start * k..end * k], k, first, start, sums);
            }
        });
        inverse
    }

    /// Solves X Lᵀ = A for the columns of `panel` (rows `start..` of L), in place: `rows` hold X in the columns
    /// `first..start`, zeros before them, and A from there on.
    fn solve(level: Level, rows: &mut [f64], panel: &[f64], k: usize, first: usize, start: usize, sums: &mut Vec<f64>) {
        let (count, width) = (rows.len() / k, panel.len() / k);
        sums.resize(count * width, 0.0);
        let left = |data, count| TileRows {
            data,
            stride: k,
            count,
            len: start - first,
        };
        let (x, l) = (left(&rows[first..], count), left(&panel[first..], width));
        dots_f64(level, x, l, sums);
        for (row, sums) in rows.chunks_mut(k).zip(sums.chunks(width)) {
            let row = &mut row[start..start + width];
            for (j, sum) in sums.iter().enumerate() {
                let l = &panel[j * k + start..][..=j];
                let mut value = row[j] - sum;
                for (x, l) in row.iter().zip(&l[..j]) {
                    value -= x * l;
                }
                row[j] = value / l[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::random::SplitMix64;

    /// A positive definite matrix: Σ x xᵀ over more rows than columns, and something on the diagonal.
    fn matrix(k: usize) -> Vec<f64> {
        let mut random = SplitMix64::new(k as u64);
        let rows = k + 8;
        let x: Vec<f64> = (0..rows * k).map(|_| random.normal()).collect();
        let mut h = vec![0f64; k * k];
        for i in 0..k {
            for j in 0..k {
                h[i * k + j] = (0..rows).map(|t| x[t * k + i] * x[t * k + j]).sum();
            }
            h[i * k + i] += 1.0;
        }
        h
    }

    #[test]
    fn inverse_of_the_matrix() {
        // Of one panel, of several, of a part of one.
        for k in [1, 2, 63, 64, 65, 200] {
            let h = matrix(k);
            let u = super::inverse_upper(h.clone(), k).unwrap();
            let at = |i: usize, j: usize| u[i * k + j] as f64;
            for i in 0..k {
                for j in 0..i {
                    assert_eq!(u[i * k + j], 0.0);
                }
                for j in 0..k {
                    // U H Uᵀ = I says the same as H⁻¹ = Uᵀ U, without an inverse.
                    let mut sum = 0.0;
                    for a in i..k {
                        for b in j..k {
                            sum += at(i, a) * h[a * k + b] * at(j, b);
                        }
                    }
                    let expected = (i == j) as u8 as f64;
                    // U is rounded to floats; k terms of it meet.
                    assert!((sum - expected).abs() < 1e-4, "k = {k}: [{i}, {j}] is {sum}");
                }
            }
        }
    }

    #[test]
    fn indefinite_matrices_are_errors() {
        let mut h = matrix(100);
        h[50 * 100 + 50] = -1.0;
        let error = super::inverse_upper(h, 100).unwrap_err();
        let crate::Error::NotPositiveDefinite { column, n, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((column, n), (50, 100));
    }
}

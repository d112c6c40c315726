//! The Hessian of a layer's squared output error: H = (2/n) Σ x xᵀ over the inputs x of the layer (Frantar et al. 2022,
//! arXiv 2210.17323; symbols as there).

use super::tiles::{TileRows, dots_f32};
use crate::matrix::{finite, length};
use crate::reserve::zeros;
use crate::simd;
use crate::{Error, Result, parallel};

/// Inputs whose products are summed in f32 before they are added in f64.
const INPUTS: usize = 256;

/// The most entries of H: those of k = 65,536, 32 GiB.
const MOST: u64 = 1 << 32;

/// Rows of H in a task.
const TASK: usize = 64;

/// Σ x xᵀ and the number of inputs x so far, in 8 k² bytes.
///
/// ```
/// use lowbit::quantize::hessian::Hessian;
///
/// let mut hessian = Hessian::new(2)?;
/// hessian.add(&[1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(hessian.matrix(), [10.0, 14.0, 14.0, 20.0]);
/// # Ok::<(), lowbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Hessian {
    k: usize,
    samples: u64,
    /// `k` rows of `k`; only the lower triangle is used.
    sums: Vec<f64>,
}

impl Hessian {
    /// The Hessian of a layer with `k` inputs, before the first.
    ///
    /// # Errors
    /// [`Error::Argument`] where `k` is 0 or memory for k² numbers is not available, [`Error::TooLarge`] where k is
    /// over 65,536.
    pub fn new(k: usize) -> Result<Hessian> {
        if k == 0 {
            return Err(Error::argument("k", "at least 1", k));
        }
        let count = (k as u64).saturating_mul(k as u64);
        Ok(Hessian {
            k,
            samples: 0,
            sums: zeros("a Hessian", count, MOST)?,
        })
    }

    /// A known Hessian `h`, `k` rows of `k`, which counts as two inputs.
    ///
    /// # Errors
    /// Those of `new`, [`Error::Length`] where `h` is not `k` rows of `k`, [`Error::Argument`] where it is not finite
    /// or not symmetric.
    pub fn from_matrix(k: usize, h: &[f64]) -> Result<Hessian> {
        let mut hessian = Hessian::new(k)?;
        if h.len() != k * k {
            return Err(length("h", k, k, "numbers", k * k, h.len()));
        }
        for i in 0..k {
            for j in 0..=i {
                let (below, above) = (h[i * k + j], h[j * k + i]);
                if !below.is_finite() || below != above {
                    let got = format!("{below} and {above} at [{i}, {j}] and across");
                    return Err(Error::argument("h", "finite and symmetric", got));
                }
            }
        }
        hessian.sums.copy_from_slice(h);
        hessian.samples = 2;
        Ok(hessian)
    }

    /// Adds inputs of the layer, whole rows of `k` floats. Each call reads and writes all of H, so pass thousands of
    /// rows at a time. The result does not depend on the number of threads; the division of rows into calls affects
    /// only rounding.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is not whole rows, [`Error::NotFinite`] where an input is NaN or infinite. After an
    /// error nothing was added.
    pub fn add(&mut self, x: &[f32]) -> Result<()> {
        let k = self.k;
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        finite("input", x, k)?;
        let level = simd::best();
        let mut columns = Vec::new();
        for x in x.chunks(INPUTS * k) {
            let inputs = x.len() / k;
            // Transposed, so that each sum reads consecutive memory.
            columns.resize(k * inputs, 0.0);
            parallel::chunks(
                &mut columns,
                16 * inputs,
                || (),
                |c, columns, ()| {
                    for (t, x) in x.chunks(k).enumerate() {
                        for (i, column) in columns.chunks_mut(inputs).enumerate() {
                            column[t] = x[16 * c + i];
                        }
                    }
                },
            );
            let rows = |from: usize, count: usize| TileRows {
                data: &columns[from * inputs..],
                stride: inputs,
                count,
                len: inputs,
            };
            parallel::chunks(&mut self.sums, TASK * k, Vec::new, |task, sums, products| {
                let (first, count) = (task * TASK, sums.len() / k);
                for start in (0..first + count).step_by(TASK) {
                    let width = TASK.min(first + count - start);
                    products.resize(count * width, 0.0);
                    dots_f32(level, rows(first, count), rows(start, width), products);
                    for (sums, products) in sums.chunks_mut(k).zip(products.chunks(width)) {
                        for (sum, &product) in sums[start..].iter_mut().zip(products) {
                            *sum += product as f64;
                        }
                    }
                }
            });
            self.samples += inputs as u64;
        }
        Ok(())
    }

    /// The number of inputs of the layer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of inputs added.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// H, `k` rows of `k`; zeros before the first input.
    pub fn matrix(&self) -> Vec<f64> {
        let (k, factor) = (self.k, self.factor());
        let mut h = vec![0f64; k * k];
        for i in 0..k {
            for j in 0..=i {
                let value = factor * self.sums[i * k + j];
                (h[i * k + j], h[j * k + i]) = (value, value);
            }
        }
        h
    }

    /// The diagonal of H: twice the mean square of each input, usable as the importance of columns.
    pub fn diag(&self) -> Vec<f64> {
        let factor = self.factor();
        let diagonal = self.sums.iter().step_by(self.k + 1);
        diagonal.map(|sum| factor * sum).collect()
    }

    fn factor(&self) -> f64 {
        2.0 / self.samples.max(1) as f64
    }
}

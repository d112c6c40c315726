//! The fast Walsh-Hadamard transform, for n = 2^k · m where m is 1 or an order that Paley's constructions give
//! (12, 20, 28, 36, 44, 60, ..).
//!
//! H = (H_2 ⊗ .. ⊗ H_2 ⊗ H_m) / √n, H_2 = [[1, 1], [1, -1]]: for a power of two Sylvester's matrix, (-1)^popcount(i
//! & j) / √n. It takes n (k + m) additions (n k for m = 1), always in the same order, so that f32 results are equal on
//! all machines.

use super::paley;
use super::real::Real;
use crate::{Error, Result};

/// A normalized Hadamard matrix H with n rows; it is orthogonal, H Hᵀ = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Hadamard {
    n: usize,
    m: usize,
    /// H_m, ±1 row by row.
    base: Vec<i8>,
}

impl Hadamard {
    /// The matrix with `n` rows, from the smallest order m that fits.
    ///
    /// # Errors
    /// [`Error::Argument`] where n is not 2^k · m.
    pub fn new(n: usize) -> Result<Hadamard> {
        if n > 0 {
            let odd = n >> n.trailing_zeros();
            let orders = (0..=n.trailing_zeros()).map(|k| odd << k);
            for m in orders {
                if let Some(base) = paley::matrix(m) {
                    return Ok(Hadamard { n, m, base });
                }
            }
        }
        Err(Error::Argument {
            what: "the order of a Hadamard matrix",
            allowed: "2^k m, m being 1 or at most 512 and p + 1 (p prime, 3 mod 4) or 2 (p + 1) (p \
                      prime, 1 mod 4)"
                .into(),
            got: n.to_string(),
        })
    }

    /// The number of rows, n.
    pub fn n(&self) -> usize {
        self.n
    }

    /// m of n = 2^k · m, and H_m, ±1 row by row.
    pub fn base(&self) -> (usize, &[i8]) {
        (self.m, &self.base)
    }

    /// x → H x, in place.
    ///
    /// # Errors
    /// [`Error::Length`] where `x` is not n numbers.
    pub fn transform<T: Real>(&self, x: &mut [T]) -> Result<()> {
        self.check(x.len())?;
        self.apply(x, false);
        Ok(())
    }

    /// x → Hᵀ x, the inverse, in place. For a power of two H is symmetric, and this is the same as `transform`.
    ///
    /// # Errors
    /// [`Error::Length`] where `x` is not n numbers.
    pub fn inverse<T: Real>(&self, x: &mut [T]) -> Result<()> {
        self.check(x.len())?;
        self.apply(x, true);
        Ok(())
    }

    fn check(&self, got: usize) -> Result<()> {
        super::check_length("x", &format!("[{}]", self.n), self.n, got)
    }

    /// As `transform` or `inverse`, for `n` numbers.
    pub(crate) fn apply<T: Real>(&self, x: &mut [T], transposed: bool) {
        let m = self.m;
        if m > 1 {
            let mut from = vec![T::default(); m];
            for x in x.chunks_exact_mut(m) {
                from.copy_from_slice(x);
                for (i, x) in x.iter_mut().enumerate() {
                    let mut sum = T::default();
                    for (j, v) in from.iter().enumerate() {
                        let at = if transposed { j * m + i } else { i * m + j };
                        sum = if self.base[at] > 0 { sum + *v } else { sum - *v };
                    }
                    *x = sum;
                }
            }
        }
        butterflies(x, m);
        let scale = T::of(1.0 / (self.n as f64).sqrt());
        for x in x {
            *x = *x * scale;
        }
    }
}

/// x → (H_2 ⊗ .. ⊗ H_2 ⊗ 1) x without a factor, in place: `x` holds a power of two times `run` numbers.
pub(crate) fn butterflies<T: Real>(x: &mut [T], run: usize) {
    let mut half = run;
    while half < x.len() {
        for pair in x.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

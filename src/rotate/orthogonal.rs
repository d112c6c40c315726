//! An orthogonal matrix Q as an operation on vectors.

use super::hadamard::Hadamard;
use super::random;
use super::real::Real;
use crate::Result;

/// An orthogonal matrix of n rows: Q Qᵀ = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Orthogonal {
    n: usize,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// x → H (signs ∘ x).
    Hadamard(Hadamard, Vec<f32>),
    /// The entries, row by row.
    Dense(Vec<f64>),
}

impl Orthogonal {
    /// Q = H · diag(±1) with a normalized Hadamard matrix H and random signs, as in QuaRot. A product takes n log n
    /// additions.
    ///
    /// # Errors
    /// Those of [`Hadamard::new`], [`Error::TooLarge`](crate::Error::TooLarge) where n is over 2^24.
    pub fn hadamard(n: usize, seed: u64) -> Result<Orthogonal> {
        let hadamard = Hadamard::new(n)?;
        let form = Form::Hadamard(hadamard, random::signs(n, seed)?);
        Ok(Orthogonal { n, form })
    }

    /// A matrix uniform over all orthogonal matrices (Haar measure), like TurboQuant's Π. Applying it takes n²
    /// multiplications, creating it about 3 n³.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) where n is 0 or over 65 536, or memory for
    /// 2 n² numbers is not available.
    pub fn haar(n: usize, seed: u64) -> Result<Orthogonal> {
        let form = Form::Dense(random::haar(n, seed)?);
        Ok(Orthogonal { n, form })
    }

    /// The number of rows, n.
    pub fn n(&self) -> usize {
        self.n
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// x → Q x, in place.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `x` is not n numbers.
    pub fn rotate<T: Real>(&self, x: &mut [T]) -> Result<()> {
        self.check(x.len())?;
        self.apply(x);
        Ok(())
    }

    /// x → Qᵀ x, the inverse, in place.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `x` is not n numbers.
    pub fn unrotate<T: Real>(&self, x: &mut [T]) -> Result<()> {
        self.check(x.len())?;
        self.apply_transposed(x);
        Ok(())
    }

    fn check(&self, got: usize) -> Result<()> {
        super::check_length("x", &format!("[{}]", self.n), self.n, got)
    }

    pub(crate) fn apply<T: Real>(&self, x: &mut [T]) {
        match &self.form {
            Form::Hadamard(hadamard, signs) => {
                flip(x, signs);
                hadamard.apply(x, false);
            }
            Form::Dense(entries) => {
                let from: Vec<f64> = x.iter().map(|x| x.wide()).collect();
                for (x, row) in x.iter_mut().zip(entries.chunks_exact(self.n)) {
                    *x = T::of(row.iter().zip(&from).map(|(q, v)| q * v).sum());
                }
            }
        }
    }

    pub(crate) fn apply_transposed<T: Real>(&self, x: &mut [T]) {
        match &self.form {
            Form::Hadamard(hadamard, signs) => {
                hadamard.apply(x, true);
                flip(x, signs);
            }
            Form::Dense(entries) => {
                let mut sums = vec![0.0; self.n];
                for (x, row) in x.iter().zip(entries.chunks_exact(self.n)) {
                    for (sum, q) in sums.iter_mut().zip(row) {
                        *sum += q * x.wide();
                    }
                }
                for (x, sum) in x.iter_mut().zip(sums) {
                    *x = T::of(sum);
                }
            }
        }
    }
}

fn flip<T: Real>(x: &mut [T], signs: &[f32]) {
    for (x, sign) in x.iter_mut().zip(signs) {
        *x = *x * T::of(f64::from(*sign));
    }
}

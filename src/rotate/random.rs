//! Random signs, normal numbers and orthogonal matrices.

use crate::random::SplitMix64;
use crate::reserve::{within, zeros};
use crate::{Error, Result, parallel};

/// The most rows of a dense orthogonal matrix: 32 GiB of f64.
const LARGEST: u64 = 1 << 16;

/// The most signs of a rotation: 64 MiB.
const MOST_SIGNS: u64 = 1 << 24;

/// `n` random signs, 1 or -1.
///
/// # Errors
/// [`Error::TooLarge`] where `n` is over 2^24.
pub fn signs(n: usize, seed: u64) -> Result<Vec<f32>> {
    within("random signs", n as u64, MOST_SIGNS)?;
    let mut random = SplitMix64::new(seed);
    Ok((0..n).map(|_| random.sign()).collect())
}

/// `count` normal numbers of mean 0 and variance 1.
///
/// # Errors
/// [`Error::TooLarge`] where `count` is over 2^32, [`Error::Argument`] where memory for them is not
/// available.
pub fn normals(count: usize, seed: u64) -> Result<Vec<f64>> {
    let mut numbers = zeros("random numbers", count as u64, LARGEST * LARGEST)?;
    let mut random = SplitMix64::new(seed);
    numbers.iter_mut().for_each(|x| *x = random.normal());
    Ok(numbers)
}

/// An orthogonal matrix, row by row, uniform over all of them (Haar measure): QR by Householder reflections of a matrix
/// of normal numbers, with signs that make R's diagonal positive (Mezzadri, How to generate random matrices from the
/// classical compact groups, 2007, arXiv math-ph/0609050).
///
/// # Errors
/// [`Error::Argument`] where `n` is 0 or over 65,536, or memory for 2 n² numbers is not available.
pub fn haar(n: usize, seed: u64) -> Result<Vec<f64>> {
    if !(1..=LARGEST).contains(&(n as u64)) {
        return Err(Error::argument(
            "rows of an orthogonal matrix",
            &format!("1 to {LARGEST}"),
            n,
        ));
    }
    // Works on the transpose, so that memory is read in order; its distribution is the same.
    let mut q = zeros("a matrix", (n * n) as u64, LARGEST * LARGEST)?;
    let mut a = normals(n * n, seed)?;
    let mut signs = vec![1.0; n];
    for j in 0..n {
        let (done, rest) = a.split_at_mut((j + 1) * n);
        let v = &mut done[j * n + j..];
        // The reflection maps v to -sign(v_0) |v|, the sign that avoids cancellation in v_0.
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        signs[j] = if v[0] < 0.0 { 1.0 } else { -1.0 };
        v[0] -= signs[j] * norm;
        let v = &*v;
        each_row(rest, n, |_, row| reflect(v, &mut row[j..]));
    }
    each_row(&mut q, n, |i, row| {
        row[i] = 1.0;
        for j in (0..=i).rev() {
            reflect(&a[j * n + j..(j + 1) * n], &mut row[j..]);
        }
        for q in row {
            *q *= signs[i];
        }
    });
    Ok(q)
}

/// Calls `f` for each row of n, on all cores where rows are long enough.
fn each_row(rows: &mut [f64], n: usize, f: impl Fn(usize, &mut [f64]) + Sync + Send) {
    if n < 256 {
        rows.chunks_exact_mut(n).enumerate().for_each(|(i, row)| f(i, row))
    } else {
        parallel::chunks(rows, n, || (), |i, row, _| f(i, row))
    }
}

/// x → x - 2 v (v·x) / (v·v).
fn reflect(v: &[f64], x: &mut [f64]) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let square = dot(v, v);
    if square > 0.0 {
        let factor = 2.0 * dot(v, x) / square;
        for (x, v) in x.iter_mut().zip(v) {
            *x -= factor * v;
        }
    }
}

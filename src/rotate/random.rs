//! What random rotations are made of.

use crate::random::SplitMix64;
use crate::reserve::{within, zeros};
use crate::{Error, Result, parallel};

/// Rows of the largest orthogonal matrix that is made entry by entry: 32 GiB of f64.
const LARGEST: u64 = 1 << 16;

/// Signs of the longest rotation: 64 MiB.
const MOST_SIGNS: u64 = 1 << 24;

/// 1 or -1, n times.
///
/// # Errors
/// [`Error::TooLarge`] where `n` is over 2^24.
pub fn signs(n: usize, seed: u64) -> Result<Vec<f32>> {
    within("random signs", n as u64, MOST_SIGNS)?;
    let mut random = SplitMix64::new(seed);
    Ok((0..n).map(|_| random.sign()).collect())
}

/// `count` numbers of mean 0 and variance 1.
///
/// # Errors
/// [`Error::TooLarge`] where `count` is over 2^32, [`Error::Argument`] where there is no memory for so many.
pub fn normals(count: usize, seed: u64) -> Result<Vec<f64>> {
    let mut numbers = zeros("random numbers", count as u64, LARGEST * LARGEST)?;
    let mut random = SplitMix64::new(seed);
    numbers.iter_mut().for_each(|x| *x = random.normal());
    Ok(numbers)
}

/// An orthogonal matrix, row by row, uniform over all (Haar's measure): QR by Householder's reflections of a matrix of
/// normal numbers, with the signs that make R's diagonal positive (Mezzadri, How to generate random matrices from
/// the classical compact groups, 2007, arXiv math-ph/0609050).
///
/// # Errors
/// [`Error::Argument`] where `n` is 0 or over 65,536, or there is no memory for n² numbers twice.
pub fn haar(n: usize, seed: u64) -> Result<Vec<f64>> {
    if !(1..=LARGEST).contains(&(n as u64)) {
        return Err(Error::argument(
            "rows of an orthogonal matrix",
            &format!("1 to {LARGEST}"),
            n,
        ));
    }
    // Rows stand for columns throughout, so that memory is read in order; the transpose is as random.
    let mut q = zeros("a matrix", (n * n) as u64, LARGEST * LARGEST)?;
    let mut a = normals(n * n, seed)?;
    let mut signs = vec![1.0; n];
    for j in 0..n {
        let (done, rest) = a.split_at_mut((j + 1) * n);
        let v = &mut done[j * n + j..];
        // The reflection takes v to -sign(v_0) |v|, the side on which v_0 loses no digits.
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

/// Calls `f` for every row of n; on all cores where a row is worth the trouble.
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

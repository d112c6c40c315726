//! A scale and zero point for every tensor, row or group of a matrix.

use super::code::{Affine, Scheme};
use super::runs::{Granularity, check};
use crate::calibrate::observers::{MinMax, Observer};
use crate::matrix::length;
use crate::{Result, parallel};

/// The affine of all of `w` together, from its least and largest value.
///
/// # Errors
/// Those of [`affines`].
pub fn per_tensor(w: &[f32], scheme: Scheme, bits: u32) -> Result<Affine> {
    check(w, 1, w.len())?;
    let mut observer = MinMax::new();
    observer.observe(w)?;
    Affine::of(observer.range()?, scheme, bits)
}

/// The affine of each of `n` rows of `k` values.
///
/// # Errors
/// Those of [`affines`].
pub fn per_channel(w: &[f32], n: usize, k: usize, scheme: Scheme, bits: u32) -> Result<Vec<Affine>> {
    affines(w, (n, k), Granularity::Channel, scheme, bits, MinMax::new)
}

/// The affine of each run of `group` values in `n` rows of `k`, row after row; the last of a row may be shorter.
///
/// # Errors
/// Those of [`affines`].
pub fn per_group(w: &[f32], (n, k): (usize, usize), group: usize, scheme: Scheme, bits: u32) -> Result<Vec<Affine>> {
    affines(w, (n, k), Granularity::Group(group), scheme, bits, MinMax::new)
}

/// The affine of each tensor, row or group of `n` rows of `k` values, over the range that a new observer of the
/// caller's finds in it: `MinMax::new`, `|| Mse::new(Scheme::Symmetric, 4)`, ...
///
/// # Errors
/// [`Error::Length`], [`Error::Empty`] or [`Error::Argument`] where the shape does not fit, [`Error::NotFinite`] where
/// a value is not finite (with its place among the `n` rows), and those of [`Affine::of`].
pub fn affines<O: Observer>(
    w: &[f32],
    (n, k): (usize, usize),
    granularity: Granularity,
    scheme: Scheme,
    bits: u32,
    observer: impl Fn() -> O + Sync + Send,
) -> Result<Vec<Affine>> {
    let count = granularity.runs(n, k)?;
    check(w, n, k)?;
    let mut found: Vec<Option<Result<Affine>>> = vec![None; count];
    parallel::chunks(
        &mut found,
        1,
        || (),
        |i, found, ()| {
            let (start, len) = granularity.run(n, k, i);
            let mut observer = observer();
            let seen = observer.observe(&w[start..start + len]);
            let range = seen.and_then(|()| observer.range());
            found[0] = Some(range.and_then(|range| Affine::of(range, scheme, bits)));
        },
    );
    found.into_iter().flatten().collect()
}

/// The codes of `n` rows of `k` values, under the affines that [`affines`] gives for the same granularity.
///
/// # Errors
/// [`Error::Length`], [`Error::Empty`] or [`Error::Argument`] where shape and lengths do not fit,
/// [`Error::NotFinite`] where a value is not finite.
pub fn quantize(w: &[f32], (n, k): (usize, usize), granularity: Granularity, affines: &[Affine]) -> Result<Vec<i8>> {
    check_affines(n, k, granularity, affines)?;
    check(w, n, k)?;
    let mut out = vec![0i8; w.len()];
    for_runs(&mut out, k, granularity, |i, start, codes| {
        for (code, &x) in codes.iter_mut().zip(&w[start..]) {
            *code = affines[i].code(x);
        }
    });
    Ok(out)
}

/// The values of `n` rows of `k` codes.
///
/// # Errors
/// [`Error::Length`], [`Error::Empty`] or [`Error::Argument`] where shape and lengths do not fit.
pub fn dequantize(
    codes: &[i8],
    (n, k): (usize, usize),
    granularity: Granularity,
    affines: &[Affine],
) -> Result<Vec<f32>> {
    check_affines(n, k, granularity, affines)?;
    if codes.len() != n * k {
        return Err(length("codes", n, k, "codes", n * k, codes.len()));
    }
    let mut out = vec![0f32; codes.len()];
    for_runs(&mut out, k, granularity, |i, start, values| {
        for (value, &code) in values.iter_mut().zip(&codes[start..]) {
            *value = affines[i].value(code);
        }
    });
    Ok(out)
}

/// Calls `f(run, start, values)` for the part of every row of `out` that lies in a run, `start` being where it does.
fn for_runs<T: Send>(
    out: &mut [T],
    k: usize,
    granularity: Granularity,
    f: impl Fn(usize, usize, &mut [T]) + Sync + Send,
) {
    parallel::chunks(
        out,
        k,
        || (),
        |row, values, ()| match granularity {
            Granularity::Tensor => f(0, row * k, values),
            Granularity::Channel => f(row, row * k, values),
            Granularity::Group(g) => {
                for (i, values) in values.chunks_mut(g).enumerate() {
                    f(row * k.div_ceil(g) + i, row * k + i * g, values);
                }
            }
        },
    );
}

fn check_affines(n: usize, k: usize, granularity: Granularity, affines: &[Affine]) -> Result<()> {
    let expected = granularity.runs(n, k)?;
    if affines.len() != expected {
        return Err(length("affines", n, k, "of them", expected, affines.len()));
    }
    Ok(())
}

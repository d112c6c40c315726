//! A scale and zero point for each tensor, row or group of a matrix.

use super::code::{QuantParams, Scheme};
use crate::calibrate::observers::{MinMax, Observer};
use crate::matrix::length;
use crate::{Dense, Group, Result, parallel};

/// Scale and zero point of each group of `dense`, from the least and the largest weight in it.
///
/// # Errors
/// Those of [`quant_params`].
pub fn min_max_params(dense: Dense, group: Group, scheme: Scheme, bits: u32) -> Result<Vec<QuantParams>> {
    quant_params(dense, group, scheme, bits, MinMax::new)
}

/// Scale and zero point of each group of `dense`, row after row, from the range that an observer finds in it.
/// `observer` makes one observer for each group: `MinMax::new`, `|| Mse::new(Scheme::Symmetric, 4)` and so on.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for groups of 0 weights, those of the observer and those of
/// [`QuantParams::from_range`].
pub fn quant_params<O: Observer>(
    dense: Dense,
    group: Group,
    scheme: Scheme,
    bits: u32,
    observer: impl Fn() -> O + Sync + Send,
) -> Result<Vec<QuantParams>> {
    let (n, k, w) = (dense.n(), dense.k(), dense.weights());
    let found = parallel::map(group.runs(n, k)?, |i| {
        let (start, len) = group.run(n, k, i);
        let mut observer = observer();
        observer.observe(&w[start..start + len])?;
        QuantParams::from_range(observer.range()?, scheme, bits)
    });
    found.into_iter().collect()
}

/// The codes of `dense` (`n` rows of `k`), with the parameters that [`quant_params`] returned for the same group.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where there is not one of `params` for each group,
/// [`Error::Argument`](crate::Error::Argument) for groups of 0 weights.
pub fn quantize(dense: Dense, group: Group, params: &[QuantParams]) -> Result<Vec<i8>> {
    let (n, k, w) = (dense.n(), dense.k(), dense.weights());
    check_params(n, k, group, params)?;
    let mut out = vec![0i8; w.len()];
    for_runs(&mut out, k, group, |i, start, codes| {
        for (code, &x) in codes.iter_mut().zip(&w[start..]) {
            *code = params[i].code(x);
        }
    });
    Ok(out)
}

/// The values of `n` rows of `k` codes.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::Empty`](crate::Error::Empty) or
/// [`Error::Argument`](crate::Error::Argument) where shape and lengths do not fit.
pub fn dequantize(n: usize, k: usize, codes: &[i8], group: Group, params: &[QuantParams]) -> Result<Vec<f32>> {
    check_params(n, k, group, params)?;
    if codes.len() != n * k {
        return Err(length("codes", n, k, "codes", n * k, codes.len()));
    }
    let mut out = vec![0f32; codes.len()];
    for_runs(&mut out, k, group, |i, start, values| {
        for (value, &code) in values.iter_mut().zip(&codes[start..]) {
            *value = params[i].value(code);
        }
    });
    Ok(out)
}

/// Calls `f(group, start, values)` for the part of each row of `out` that lies in one group and begins at `start`.
fn for_runs<T: Send>(out: &mut [T], k: usize, group: Group, f: impl Fn(usize, usize, &mut [T]) + Sync + Send) {
    parallel::chunks(
        out,
        k,
        || (),
        |row, values, ()| match group {
            Group::Tensor => f(0, row * k, values),
            Group::Row => f(row, row * k, values),
            Group::Len(len) => {
                for (i, values) in values.chunks_mut(len).enumerate() {
                    f(row * k.div_ceil(len) + i, row * k + i * len, values);
                }
            }
        },
    );
}

fn check_params(n: usize, k: usize, group: Group, params: &[QuantParams]) -> Result<()> {
    let expected = group.runs(n, k)?;
    if params.len() != expected {
        return Err(length("params", n, k, "scales and zero points", expected, params.len()));
    }
    Ok(())
}

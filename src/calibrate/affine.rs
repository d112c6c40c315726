//! Scale and zero point for a range of values, after PyTorch's observers (`torch.ao.quantization`,
//! `UniformQuantizationObserverBase._calculate_qparams`), and for every tensor, row or group of a matrix.
//!
//! Codes are signed, qmin = -2^(b-1) to qmax = 2^(b-1) - 1; a value is scale · (code - zero_point). With the range
//! widened to hold 0, lo⁻ = min(lo, 0) and hi⁺ = max(hi, 0):
//! - asymmetric: scale = (hi⁺ - lo⁻) / (qmax - qmin), zero_point = qmin - round(lo⁻ / scale);
//! - symmetric: scale = max(-lo⁻, hi⁺) / ((qmax - qmin) / 2), zero_point = 0.
//!
//! All rounding is to nearest, ties to even.

use super::observers::{MinMax, Observer};
use crate::matrix::{finite, length};
use crate::{Error, Result, parallel};

/// The least scale, PyTorch's `torch.finfo(torch.float32).eps`: a range of nothing but 0 has one too.
const LEAST_SCALE: f32 = f32::EPSILON;

/// The values that codes are to reach from and to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub lo: f32,
    /// The largest.
    pub hi: f32,
}

/// Whether 0 has the middle code, or one that makes the most of a range to one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// The zero point is 0.
    Symmetric,
    /// The zero point is any code.
    Asymmetric,
}

/// How codes of `bits` bits stand for values: `scale · (code - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Between two codes that follow one another.
    pub scale: f32,
    /// The code that stands for 0.
    pub zero_point: i32,
    /// Bits of a code, 2 to 8.
    pub bits: u32,
}

impl Affine {
    /// Scale and zero point that make the most of `bits` bits for a range.
    ///
    /// # Errors
    /// [`Error::Argument`] where bits are not 2 to 8, or the range is not finite or ends before it begins.
    pub fn of(range: Range, scheme: Scheme, bits: u32) -> Result<Affine> {
        if !(2..=8).contains(&bits) {
            return Err(Error::argument("bits", "from 2 to 8", bits));
        }
        let Range { lo, hi } = range;
        if !(lo.is_finite() && hi.is_finite() && lo <= hi) {
            return Err(Error::argument(
                "a range",
                "finite, from low to high",
                format!("{lo} to {hi}"),
            ));
        }
        let (lo, hi) = (lo.min(0.0), hi.max(0.0));
        let (qmin, qmax) = codes(bits);
        let steps = (qmax - qmin) as f32;
        // Halved first where a difference or a quotient of the largest floats would overflow.
        let scale = match scheme {
            Scheme::Symmetric => hi.max(-lo) / (steps / 2.0),
            Scheme::Asymmetric if (hi - lo).is_finite() => (hi - lo) / steps,
            Scheme::Asymmetric => hi / steps - lo / steps,
        };
        let scale = scale.max(LEAST_SCALE);
        let zero_point = match scheme {
            Scheme::Symmetric => 0,
            Scheme::Asymmetric => (qmin - (lo / scale).round_ties_even() as i32).clamp(qmin, qmax),
        };
        Ok(Affine {
            scale,
            zero_point,
            bits,
        })
    }

    /// The code nearest to `x`, within the least and the largest.
    #[inline(always)]
    pub fn code(&self, x: f32) -> i8 {
        let (qmin, qmax) = codes(self.bits);
        // As floats, so that nothing overflows; a sum of such small integers is exact.
        let code = (x / self.scale).round_ties_even() + self.zero_point as f32;
        code.clamp(qmin as f32, qmax as f32) as i8
    }

    /// The value that a code stands for.
    #[inline(always)]
    pub fn value(&self, code: i8) -> f32 {
        self.scale * (code as i32 - self.zero_point) as f32
    }

    /// A code for each of `x`.
    pub fn quantize(&self, x: &[f32]) -> Vec<i8> {
        x.iter().map(|&x| self.code(x)).collect()
    }

    /// The value of each of `codes`.
    pub fn dequantize(&self, codes: &[i8]) -> Vec<f32> {
        codes.iter().map(|&c| self.value(c)).collect()
    }
}

/// The least and the largest code of `bits` bits.
fn codes(bits: u32) -> (i32, i32) {
    (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
}

/// Which values of a matrix share a scale and zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// All of them.
    Tensor,
    /// Each row: an output channel of weights, a token of inputs.
    Channel,
    /// Each run of so many in a row, the last of a row being shorter where it must.
    Group(usize),
}

impl Granularity {
    /// How many runs `n` rows of `k` values have.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or columns, [`Error::Argument`] for groups of nothing, [`Error::TooLarge`] where
    /// `n · k` overflows.
    pub(crate) fn runs(self, n: usize, k: usize) -> Result<usize> {
        if n == 0 || k == 0 {
            return Err(Error::Empty { n, k });
        }
        if n.checked_mul(k).is_none() {
            return Err(Error::TooLarge {
                what: "a matrix, in values",
                needed: u64::MAX,
                limit: isize::MAX as u64,
            });
        }
        match self {
            Granularity::Tensor => Ok(1),
            Granularity::Channel => Ok(n),
            Granularity::Group(0) => Err(Error::argument("a group", "1 value or more", 0)),
            Granularity::Group(g) => Ok(n * k.div_ceil(g)),
        }
    }

    /// Where run `i` begins, and its length.
    pub(crate) fn run(self, n: usize, k: usize, i: usize) -> (usize, usize) {
        match self {
            Granularity::Tensor => (0, n * k),
            Granularity::Channel => (i * k, k),
            Granularity::Group(g) => {
                let a_row = k.div_ceil(g);
                let start = i % a_row * g;
                (i / a_row * k + start, g.min(k - start))
            }
        }
    }
}

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

/// That there are `n` rows of `k` finite values.
pub(crate) fn check(w: &[f32], n: usize, k: usize) -> Result<()> {
    if n.checked_mul(k) != Some(w.len()) {
        return Err(length("values", n, k, "floats", n.saturating_mul(k), w.len()));
    }
    finite("value", w, k)
}

fn check_affines(n: usize, k: usize, granularity: Granularity, affines: &[Affine]) -> Result<()> {
    let expected = granularity.runs(n, k)?;
    if affines.len() != expected {
        return Err(length("affines", n, k, "of them", expected, affines.len()));
    }
    Ok(())
}

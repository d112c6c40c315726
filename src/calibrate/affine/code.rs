//! One scale and zero point, from a range of values.

use crate::{Error, Result};

/// The least scale, PyTorch's `torch.finfo(torch.float32).eps`, so that a range of only 0 has a scale too.
const LEAST_SCALE: f32 = f32::EPSILON;

/// The least and the largest value that codes must represent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ValueRange {
    /// The least value.
    pub lo: f32,
    /// The largest value.
    pub hi: f32,
}

/// Whether the zero point is fixed at 0 or follows the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scheme {
    /// The zero point is 0.
    Symmetric,
    /// The zero point is any code.
    Asymmetric,
}

/// Scale and zero point of codes of `bits` bits: a value is `scale · (code - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct QuantParams {
    /// The difference between the values of two adjacent codes.
    pub scale: f32,
    /// The code that represents 0.
    pub zero_point: i32,
    /// Bits of a code, 2 to 8.
    pub bits: u32,
}

impl QuantParams {
    /// The scale and zero point that cover a range, extended to include 0, with codes of `bits` bits.
    ///
    /// # Errors
    /// [`Error::Argument`] where `bits` is not 2 to 8, or the range is not finite or has `lo > hi`.
    pub fn from_range(range: ValueRange, scheme: Scheme, bits: u32) -> Result<QuantParams> {
        if !(2..=8).contains(&bits) {
            return Err(Error::argument("bits", "2 to 8", bits));
        }
        let ValueRange { lo, hi } = range;
        if !(lo.is_finite() && hi.is_finite() && lo <= hi) {
            return Err(Error::argument(
                "a range",
                "finite with lo <= hi",
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
        Ok(QuantParams {
            scale,
            zero_point,
            bits,
        })
    }

    /// The code nearest to `x`, clamped to the codes of `bits` bits.
    #[inline(always)]
    pub fn code(&self, x: f32) -> i8 {
        let (qmin, qmax) = codes(self.bits);
        // As floats, so that nothing overflows; a sum of such small integers is exact.
        let code = (x / self.scale).round_ties_even() + self.zero_point as f32;
        code.clamp(qmin as f32, qmax as f32) as i8
    }

    /// The value that a code represents.
    #[inline(always)]
    pub fn value(&self, code: i8) -> f32 {
        self.scale * (code as i32 - self.zero_point) as f32
    }

    /// The code of each value of `x`.
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

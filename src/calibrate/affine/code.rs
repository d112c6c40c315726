//! One scale and zero point, from a range of values.

use crate::{Error, Result};

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

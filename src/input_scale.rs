//! The scales by which inputs are rounded to 8-bit integers.

use crate::calibrate::affine::QuantParams;
use crate::cpu::activations::round_run;
use crate::{Error, Result};

/// The scales by which [`Precision::I8`](crate::Precision::I8) rounds inputs: x ≈ scale · (q - zero point), with q from
/// -127 to 127, rounded to nearest, ties to even.
///
/// ```
/// use lowbit::calibrate::affine::{QuantParams, Scheme};
/// use lowbit::calibrate::observers::{MinMax, Observer};
/// use lowbit::InputScale;
///
/// let mut observer = MinMax::new();
/// observer.observe(&[-0.5, 0.25, 1.5])?; // as many batches as there are
/// let params = QuantParams::from_range(observer.range()?, Scheme::Asymmetric, 8)?;
/// let mut x = [1.0, -0.1, 9.0];
/// InputScale::calibrated(params)?.fake_quantize(&mut x, 3)?;
/// assert!((x[0] - 1.0).abs() < 0.004 && (x[2] - 1.5).abs() < 0.004); // 9 is clipped
/// # Ok::<(), lowbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum InputScale {
    /// One scale for each run of 32 inputs of a row, their largest magnitude divided by 127: the smallest error.
    #[default]
    Run,
    /// One scale for each row (token), its largest magnitude divided by 127: dynamic quantization as in LLM.int8() and
    /// SmoothQuant.
    Token,
    /// One scale and zero point for all rows, from calibration ([`InputScale::calibrated`]): static quantization. Inputs
    /// beyond scale · (±127 - zero point) are clipped.
    Static {
        /// The size of one step; positive and not subnormal.
        scale: f32,
        /// The q of 0.
        zero_point: i8,
    },
}

impl InputScale {
    /// # Errors
    /// [`Error::Argument`] for a static scale that is not positive, not finite or subnormal.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            InputScale::Static { scale, .. } if !(scale.is_normal() && scale > 0.0) => Err(Error::argument(
                "the scale of static inputs",
                "positive, finite and not subnormal",
                scale,
            )),
            _ => Ok(()),
        }
    }

    /// Rounds `x`, rows of `k` floats, in place to the values that [`Precision::I8`](crate::Precision::I8) multiplies.
    /// Products of the result differ from those of `Precision::I8` only by the rounding of f32 sums. A run of 32 (with
    /// [`Token`](InputScale::Token), a row) that contains a NaN or infinite input becomes NaN.
    ///
    /// # Errors
    /// [`Error::Inputs`] if `x` is not a whole number of rows; [`Error::Argument`] for a scale that is not positive, not
    /// finite or subnormal.
    pub fn fake_quantize(self, x: &mut [f32], k: usize) -> Result<()> {
        self.check()?;
        if k == 0 || !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        for row in x.chunks_mut(k) {
            let shared = match self {
                InputScale::Token => row.len(),
                _ => 32,
            };
            row.chunks_mut(shared).for_each(|run| self.round(run));
        }
        Ok(())
    }

    /// The static scale of calibrated inputs. Calibrated 8-bit codes start at -128, products at -127, so the lowest step of
    /// an asymmetric range is clipped.
    ///
    /// # Errors
    /// [`Error::Argument`] where the codes do not have 8 bits.
    pub fn calibrated(affine: QuantParams) -> Result<InputScale> {
        match (affine.bits, i8::try_from(affine.zero_point)) {
            (8, Ok(zero_point)) => Ok(InputScale::Static {
                scale: affine.scale,
                zero_point,
            }),
            _ => Err(Error::argument(
                "the codes of static inputs",
                "of 8 bits",
                format!("{affine:?}"),
            )),
        }
    }

    /// The correction of products by q for the zero point, for each unit of Σ w; `None` if the zero point is 0.
    pub(crate) fn offset(self) -> Option<f32> {
        match self {
            InputScale::Static { scale, zero_point } if zero_point != 0 => Some(-scale * zero_point as f32),
            _ => None,
        }
    }

    fn round(self, run: &mut [f32]) {
        if let InputScale::Static { scale, zero_point } = self {
            if run.iter().any(|x| !x.is_finite()) {
                return run.fill(f32::NAN);
            }
            let zero = zero_point as f32;
            let inverse = 1.0 / scale;
            for x in run {
                let step = (*x * inverse).round_ties_even();
                *x = scale * step.clamp(-127.0 - zero, 127.0 - zero);
            }
            return;
        }
        let mut codes = vec![0; run.len()];
        let scale = round_run(run, &mut codes);
        for (x, code) in run.iter_mut().zip(codes) {
            *x = scale * code as f32;
        }
    }
}

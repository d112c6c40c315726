//! Scale and zero point for a range of values, after PyTorch's observers (`torch.ao.quantization`,
//! `UniformQuantizationObserverBase._calculate_qparams`), and for every tensor, row or group of a matrix.
//!
//! Codes are signed, qmin = -2^(b-1) to qmax = 2^(b-1) - 1; a value is scale · (code - zero_point). With the range
//! widened to hold 0, lo⁻ = min(lo, 0) and hi⁺ = max(hi, 0):
//! - asymmetric: scale = (hi⁺ - lo⁻) / (qmax - qmin), zero_point = qmin - round(lo⁻ / scale);
//! - symmetric: scale = max(-lo⁻, hi⁺) / ((qmax - qmin) / 2), zero_point = 0.
//!
//! All rounding is to nearest, ties to even.

mod code;
mod matrix;
mod runs;

pub use code::{Affine, Range, Scheme};
pub use matrix::{affines, dequantize, per_channel, per_group, per_tensor, quantize};
pub use runs::Granularity;
pub(crate) use runs::check;

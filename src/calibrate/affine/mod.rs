//! Affine quantization: scale and zero point for a range of values, after PyTorch's observers (`torch.ao.quantization`,
//! `UniformQuantizationObserverBase._calculate_qparams`), for each tensor, row or group of a matrix.
//!
//! Codes are signed, qmin = -2^(b-1) to qmax = 2^(b-1) - 1; a value is scale · (code - zero_point). The range is first
//! extended to include 0, lo⁻ = min(lo, 0) and hi⁺ = max(hi, 0). Then
//! - asymmetric: scale = (hi⁺ - lo⁻) / (qmax - qmin), zero_point = qmin - round(lo⁻ / scale);
//! - symmetric: scale = max(-lo⁻, hi⁺) / ((qmax - qmin) / 2), zero_point = 0.
//!
//! All rounding is to nearest, ties to even.

mod code;
mod matrix;
mod runs;

pub use code::{QuantParams, Scheme, ValueRange};
pub use matrix::{dequantize, min_max_params, quant_params, quantize};

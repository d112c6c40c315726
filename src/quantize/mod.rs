//! Quantization methods. [`Matrix::quantize`](crate::Matrix::quantize) alone rounds to nearest, or runs the search of
//! the format's original tool; these methods use more information, such as the inputs of the layer.
//!
//! A method is a struct of options with `quantize(&self, format, dense, ..)`.

pub mod awq;
pub mod binary;
pub(crate) mod cholesky;
pub mod codebook;
pub mod gptq;
pub(crate) mod grid;
pub mod hessian;
pub mod hqq;
pub mod ternary;
pub(crate) mod tiles;
pub mod vector;

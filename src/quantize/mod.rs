//! Methods that choose codes and scales: what [`Matrix::quantize`](crate::Matrix::quantize) does by itself is
//! round to nearest, or the search of the original tool; these use more, such as the inputs of the layer.

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

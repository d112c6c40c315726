//! What inputs and weights look like: ranges, importance, what a layer loses by quantization.

pub mod allocate;
pub mod imatrix;
mod layer;
pub mod observers;
pub mod outliers;
pub mod sensitivity;
pub mod smooth;

pub use layer::Layer;
pub(crate) use layer::{inputs, shared_k};

//! What inputs and weights look like: ranges, importance, what a layer loses by quantization.

pub mod affine;
pub mod allocate;
pub mod imatrix;
pub mod observers;
pub mod outliers;
pub mod sensitivity;
pub mod smooth;

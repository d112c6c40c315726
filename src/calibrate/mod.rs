//! Statistics of inputs and weights: ranges, importance, and the error of each layer in each format.

pub mod affine;
pub mod allocate;
pub mod imatrix;
pub mod observers;
pub mod outliers;
pub mod sensitivity;
pub mod smooth;

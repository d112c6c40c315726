//! Training with quantization in the loop: forward functions with the gradients that belong to them.

pub mod bitnet;
pub mod distill;
pub mod fake;
pub mod gradual;
pub mod lsq;
pub mod pact;

//! Orthogonal matrices that spread outliers over all columns, so that few bits go further.

pub mod hadamard;
pub mod quarot;

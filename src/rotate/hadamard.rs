//! TODO hadamard

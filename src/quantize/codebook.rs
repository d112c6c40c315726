//! TODO codebook

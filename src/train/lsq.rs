//! TODO lsq

//! TODO allocate

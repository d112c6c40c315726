//! TODO vector

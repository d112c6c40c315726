//! TODO sensitivity

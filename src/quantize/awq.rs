//! TODO awq

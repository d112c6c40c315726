//! TODO hqq

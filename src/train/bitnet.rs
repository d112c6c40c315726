//! TODO bitnet

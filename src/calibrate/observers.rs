//! TODO observers

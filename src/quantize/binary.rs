//! TODO binary

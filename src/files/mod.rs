//! Containers that weights are stored in.

pub mod gguf;

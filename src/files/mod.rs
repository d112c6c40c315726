//! Containers that weights are stored in.

pub mod gguf;
#[cfg(feature = "safetensors")]
pub mod safetensors;

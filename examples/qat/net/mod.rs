//! A small network and its training, with weights passed through a quantizer. Shared with `tests/train.rs`.

pub mod data;
pub mod mlp;
pub mod packed;
pub mod product;
pub mod scheme;
pub mod train;

pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

//! llama.cpp's file types: the tensor type that each tensor of a model gets.
//!
//! A [`Preset`] mixes types. Tensors in which small errors do the most harm get more bits, depending on their role,
//! their layer and the model's shape; rows that do not hold whole blocks fall back to another type. The rule is
//! llama.cpp's (`llama-quant.cpp`, 2026-10); `tests/gguf/presets.txt` holds the types that llama.cpp itself chose.

mod apply;
mod model;
mod names;
mod presets;
mod role;
mod rule;

pub use model::ModelShape;
pub use presets::Preset;

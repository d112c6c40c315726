//! safetensors checkpoints of other tools: each linear layer as a [`Linear`](crate::Linear).
//!
//! ```no_run
//! let model = lowbit::safetensors::Model::open("Qwen2.5-7B-Instruct-GPTQ-Int4")?;
//! println!("{}", model.method().name()); // gptq
//! for name in model.linears() {
//!     let linear = model.linear(&name)?;
//!     println!("{name}: {} x {}, {}", linear.n(), linear.k(), linear.matrix().format());
//! }
//! let norm = model.to_f32("model.norm.weight")?;
//! # Ok::<(), lowbit::Error>(())
//! ```
//!
//! The method is read from the `quantization_config` of `config.json` (MLX: `quantization`), or from the file that the
//! tool wrote in its place. Which layers are quantized, and how, follows from the names, types and shapes of the
//! tensors. All other layers are [plain floats](crate::layouts::FloatsLayout).
//!
//! No number in a file is trusted: sizes are compared with the file before it is read, each layer is checked against
//! its layout, and infinite or NaN scales are refused. Each error names the tensor and both numbers.

mod errors;
mod foreign;
mod header;
mod info;
mod json;
mod layer;
mod method;
mod methods;
mod model;
mod open;
mod overrides;
mod packed;
mod pattern;
mod settings;
mod source;
mod strings;
mod tensor;
mod tensors;

pub use info::TensorInfo;
pub use method::Method;
pub use model::Model;
pub use open::files;

//! GGUF, the container of llama.cpp: named values, then named tensors.
//!
//! ```
//! use lowbit::{Dense, Format, Matrix, gguf};
//!
//! let weights = Matrix::quantize(Format::Q8_0, Dense::new(2, 32, &[0.5; 64])?)?;
//! let mut writer = gguf::Writer::new();
//! writer.metadata("general.architecture", "llama")?;
//! writer.matrix("output.weight", &weights)?;
//! let bytes = writer.to_bytes()?;
//!
//! let file = gguf::Gguf::parse(&bytes)?; // or a memory map: tensors are borrowed, not copied
//! assert_eq!(file.get("general.architecture").and_then(|key| key.as_str()), Some("llama"));
//! assert_eq!(file.matrix("output.weight")?, weights);
//! # Ok::<(), lowbit::Error>(())
//! ```
//!
//! lowbit reads versions 2 and 3 and writes version 3, little-endian. It accepts the files that llama.cpp accepts and
//! trusts no number in them: counts are compared with the bytes that are left before memory is reserved, and each
//! error names the key or tensor and both numbers.
//!
//! - The header can be read without the data ([`Gguf::parse_header`]), and tensors then by their ranges.
//! - A model can span several files ([`Split`], [`SplitHeader`]).
//! - A model can be written without being held in memory ([`Writer::stream`]).

mod container;
mod cursor;
mod entry;
mod factors;
mod fetch;
mod header;
mod key;
mod layer;
mod parts;
mod pending;
mod preset;
mod read;
mod split;
mod split_header;
mod stream;
mod tensor;
mod types;
mod unpack;
mod value;
mod write;

pub use entry::TensorEntry;
pub use fetch::{ranges, read_header};
pub use header::Header;
pub use key::Key;
pub use preset::{ModelShape, Preset};
pub use read::Gguf;
pub use split::{Split, part_name, part_names};
pub use split_header::SplitHeader;
pub use stream::Stream;
pub use tensor::TensorView;
pub use types::{TENSOR_TYPES, TensorType};
pub use value::{Array, Value};
pub use write::Writer;

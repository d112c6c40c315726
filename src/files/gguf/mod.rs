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
//! Versions 2 and 3 are read, version 3 is written, both little-endian. A file is held to what
//! llama.cpp asks of it, and no number in it is trusted: counts are compared with the bytes that are
//! left before anything is reserved, and each error names the key or tensor and both numbers.
//! What comes before the data can be read alone ([`Gguf::parse_header`]), and tensors by their ranges.
//! A model may lie in several files ([`Split`]), and may be written without being held in memory
//! ([`Writer::stream`]).

mod cursor;
mod entry;
mod fetch;
mod floats;
mod header;
mod key;
mod layer;
mod parts;
mod preset;
mod read;
mod scale;
mod split;
mod split_header;
mod stream;
mod tensor;
mod types;
mod value;
mod write;

pub use entry::TensorEntry;
pub use fetch::{ranges, read_header};
pub use header::Header;
pub use key::Key;
pub use preset::{Model, Preset};
pub use read::Gguf;
pub use split::{Split, part_name, part_names};
pub use split_header::SplitHeader;
pub use stream::Stream;
pub use tensor::TensorInfo;
pub use types::{TENSOR_TYPES, TensorType};
pub use value::{Array, Value};
pub use write::Writer;

use crate::{Error, Result};

const MAGIC: [u8; 4] = *b"GGUF";
const VERSION: u32 = 3;
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u32 = 32;
/// More is not written: it would be padding without a use, and a way to make a writer fill the disk.
const MAX_ALIGNMENT: u32 = 1 << 24;
const MAX_DIMS: u32 = 4;

/// What `general.alignment` asks for, if it is no more than `most`.
fn check_alignment(value: &Value, most: u32) -> Result<u32> {
    let wrong = |expected: String, got: String| {
        Err(Error::File {
            at: cursor::Place::Key(ALIGNMENT_KEY).to_string(),
            what: "the value".into(),
            expected,
            got,
        })
    };
    match *value {
        Value::U32(a) if a.is_power_of_two() && a <= most => Ok(a),
        Value::U32(a) => wrong(format!("a power of two from 1 to {most}"), a.to_string()),
        ref other => wrong(
            "of value type 4 (u32)".into(),
            format!("of value type {}", other.type_id()),
        ),
    }
}

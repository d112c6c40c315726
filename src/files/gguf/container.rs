//! Constants of the container, and its alignment key.

use super::cursor::Location;
use super::value::Value;
use crate::{Error, Result};

pub(super) const MAGIC: [u8; 4] = *b"GGUF";
pub(super) const VERSION: u32 = 3;
pub(super) const ALIGNMENT_KEY: &str = "general.alignment";
pub(super) const DEFAULT_ALIGNMENT: u32 = 32;
/// The writer refuses a larger alignment, which would fill the disk with padding.
pub(super) const MAX_ALIGNMENT: u32 = 1 << 24;
pub(super) const MAX_DIMS: u32 = 4;

/// The alignment that `general.alignment` asks for, if it is at most `most`.
pub(super) fn check_alignment(value: &Value, most: u32) -> Result<u32> {
    let wrong = |expected: String, got: String| {
        Err(Error::File {
            at: Location::Key(ALIGNMENT_KEY).to_string(),
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

//! Keys that the caller sets, as `--override-kv` of llama-quantize does.

use lowbit::gguf::Value;
use std::str::FromStr;

/// llama.cpp keeps keys and texts in 128 bytes, the last a NUL.
const MAX_BYTES: usize = 127;

#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    pub key: String,
    pub value: Value,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let parts = text.split_once('=');
        let parts = parts.and_then(|(key, rest)| Some((key, rest.split_once(':')?)));
        let (key, (kind, value)) = parts.ok_or("wants KEY=TYPE:VALUE")?;
        let wrong = || format!("{value:?} is not a value of type {kind}");
        for (what, text) in [("the key", key), ("the text", value)] {
            if text.len() > MAX_BYTES {
                return Err(format!(
                    "{what} should have at most {MAX_BYTES} bytes, got {}",
                    text.len()
                ));
            }
        }
        let value = match kind {
            // llama.cpp writes the magnitude, unsigned.
            "int" => Value::U32(value.parse::<i64>().map_err(|_| wrong())?.unsigned_abs() as u32),
            "float" => Value::F32(value.parse::<f64>().map_err(|_| wrong())? as f32),
            "bool" => Value::Bool(value.parse().map_err(|_| wrong())?),
            "str" => Value::String(value.to_owned()),
            other => return Err(format!("the type should be int, float, bool or str, got {other:?}")),
        };
        Ok(Override {
            key: key.to_owned(),
            value,
        })
    }
}

/// Removes any key of this name and appends the new one.
pub fn set(metadata: &mut Vec<(String, Value)>, key: &str, value: Value) {
    metadata.retain(|(known, _)| known != key);
    metadata.push((key.to_owned(), value));
}

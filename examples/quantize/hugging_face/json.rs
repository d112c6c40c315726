//! JSON as Python writes and reads it, with `NaN` and `Infinity`.

use crate::model::Fallible;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// The file of this name in a folder; none where there is no such file.
pub fn read(folder: &Path, name: &str) -> Fallible<Option<Value>> {
    let path = folder.join(name);
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(named(&e).into()),
    };
    Ok(Some(parse(&text).map_err(|e| named(&e))?))
}

/// `NaN` and `Infinity` become null: no number that is needed here is infinite.
fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).or_else(|e| {
        let mut plain = String::with_capacity(text.len());
        let (mut quoted, mut rest) = (false, text);
        while let Some(next) = rest.chars().next() {
            let word = ["NaN", "-Infinity", "Infinity"]
                .into_iter()
                .find(|w| rest.starts_with(w));
            let taken = match (quoted, next, word) {
                (false, _, Some(word)) => {
                    plain.push_str("null");
                    word.len()
                }
                (true, '\\', _) => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    plain.push_str(&rest[..1 + escaped]);
                    1 + escaped
                }
                (_, next, _) => {
                    quoted ^= next == '"';
                    plain.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        // The first error has the position in the original text.
        serde_json::from_str(&plain).map_err(|_| e)
    })
}

/// A string, or the `content` of a token object with flags.
pub fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

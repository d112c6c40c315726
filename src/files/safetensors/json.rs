//! JSON as Python writes it, and objects that are decoded only in part.

use super::errors::short;
use crate::{Error, Result};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Parses JSON; errors name the file. `NaN` and `Infinity`, which Python writes although JSON lacks them, become `null`.
pub(super) fn parse(name: &str, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(&strict(text)).map_err(|e| wrong(name, &e))
}

/// The error of a text that is not JSON.
pub(super) fn wrong(name: &str, error: &serde_json::Error) -> Error {
    Error::File {
        at: name.into(),
        what: "the text".into(),
        expected: "JSON".into(),
        got: short(&error.to_string()),
    }
}

/// The text with `null` in place of `NaN` and infinities.
pub(super) fn strict(text: &[u8]) -> Cow<'_, [u8]> {
    const NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let (mut out, mut copied) = (Vec::new(), 0);
    let (mut at, mut quoted) = (0, false);
    while at < text.len() {
        let number = NUMBERS.iter().find(|n| !quoted && text[at..].starts_with(n));
        at += match (number, text[at]) {
            (Some(number), _) => {
                out.extend_from_slice(&text[copied..at]);
                out.extend_from_slice(b"null");
                copied = at + number.len();
                number.len()
            }
            // A backslash and the character that it escapes.
            (None, b'\\') if quoted => 2,
            (None, b'"') => {
                quoted = !quoted;
                1
            }
            (None, _) => 1,
        };
    }
    match copied {
        0 => Cow::Borrowed(text),
        _ => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// The entries of an object in order, with values as text: a map would silently drop one of two equal keys, and decoded
/// values take many times the memory of their text.
pub(super) fn entries(text: &[u8]) -> serde_json::Result<Vec<(String, &RawValue)>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let entries = reader.deserialize_map(RawEntries)?;
    reader.end()?;
    Ok(entries)
}

struct RawEntries;

impl<'de> Visitor<'de> for RawEntries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_become_null() {
        let text = br#"{"a": [NaN, Infinity, -Infinity, -1], "NaN": "Infinity \" NaN"}"#;
        let strict = strict(text);
        let expected = br#"{"a": [null, null, null, -1], "NaN": "Infinity \" NaN"}"#;
        assert_eq!(strict, &expected[..]);
        assert!(matches!(super::strict(b"[1, \"\\"), Cow::Borrowed(_)));
    }
}

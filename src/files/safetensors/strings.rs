//! Maps from strings to strings (`__metadata__`, `weight_map`) in little more memory than their text.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;

/// An immutable map. Of entries with equal keys the last one counts, as in Python.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    /// Keys and values, one after the other.
    text: String,
    /// Offsets in the text of the key, the value, and its end; sorted by key.
    entries: Vec<[u32; 3]>,
}

impl Strings {
    fn pair(&self, [key, value, end]: [u32; 3]) -> (&str, &str) {
        let at = |from: u32, to: u32| &self.text[from as usize..to as usize];
        (at(key, value), at(value, end))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let after = self.entries.partition_point(|&entry| self.pair(entry).0 <= key);
        let (found, value) = self.pair(*self.entries.get(after.checked_sub(1)?)?);
        (found == key).then_some(value)
    }

    /// All entries, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|&entry| self.pair(entry))
    }
}

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Strings, D::Error> {
        let mut strings = reader.deserialize_map(StringEntries)?;
        let mut entries = std::mem::take(&mut strings.entries);
        // The sort is stable, so that the last of equal keys stays last.
        entries.sort_by(|&a, &b| strings.pair(a).0.cmp(strings.pair(b).0));
        strings.entries = entries;
        Ok(strings)
    }
}

struct StringEntries;

impl<'de> Visitor<'de> for StringEntries {
    type Value = Strings;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
        let mut strings = Strings::default();
        let push = |text: &mut String, part: &str| {
            let start = text.len() as u32;
            text.push_str(part);
            start
        };
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            let key = push(&mut strings.text, &key);
            let value = push(&mut strings.text, &value);
            // Fits, since files are limited to `MAX_HEADER` bytes.
            strings.entries.push([key, value, strings.text.len() as u32]);
        }
        Ok(strings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found() {
        let text = r#"{"b": "2", "": "none", "a\n": "1", "b": "3", "c": ""}"#;
        let strings: Strings = serde_json::from_str(text).unwrap();
        let get = |key| strings.get(key);
        assert_eq!([get("b"), get("a\n"), get("c")], [Some("3"), Some("1"), Some("")]);
        assert_eq!([get(""), get("a"), get("d")], [Some("none"), None, None]);
        assert_eq!(strings.iter().count(), 5);
        assert!(serde_json::from_str::<Strings>(r#"{"a": 1}"#).is_err());
        assert_eq!(Strings::default().get("a"), None);
    }
}

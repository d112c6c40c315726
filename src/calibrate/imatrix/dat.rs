//! The older file of `llama-imatrix`, `imatrix.dat`: little-endian words without a magic number.
//!
//! ```text
//! i32  entries
//! of each:  i32 length, name;  i32 calls;  i32 values, f32 each: the mean squared input times calls
//! i32  chunks;  i32 length, name of the text      (not in the oldest files)
//! ```
//!
//! A call is a chunk of text. The file does not contain the length of chunks; llama.cpp assumes its own context, by
//! default [`Importance::CHUNK_SIZE`], and so does this reader.

use super::{Importance, file_error};
use crate::{Error, Result};

impl Importance {
    pub(super) fn from_dat(bytes: &[u8]) -> Result<Self> {
        let mut file = Dat { bytes, at: 0 };
        let mut importance = Importance::new();
        let tokens = f64::from(importance.chunk_size);
        let entries = file.count("the number of entries")?;
        if entries == 0 {
            return Err(file.error("the number of entries", "at least 1", 0));
        }
        for _ in 0..entries {
            let length = file.count("the length of a name")?;
            let name = file.text(length)?;
            let calls = file.count("the number of calls")?;
            let count = file.count("the number of values")?;
            let values = file.take(count.saturating_mul(4), "the values")?.as_chunks();
            let sum = |value: &[u8; 4]| tokens * f64::from(f32::from_le_bytes(*value));
            let sums = values.0.iter().map(sum).collect();
            if importance.entries.contains_key(name) {
                return Err(file.error("a name", "there once", name));
            }
            // Without a call the values are used unchanged, as in llama.cpp's quantizer.
            importance.insert(name, sums, vec![tokens * calls.max(1) as f64])?;
        }
        if file.at < bytes.len() {
            file.count("the number of chunks")?;
            let length = file.count("the length of the text's name")?;
            let name = file.text(length)?;
            if !name.is_empty() {
                importance.add_dataset(name);
            }
        }
        Ok(importance)
    }
}

/// A reader that never reads past the end.
struct Dat<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Dat<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8]> {
        let left = self.bytes.len() - self.at;
        if count > left {
            return Err(Error::Truncated {
                at: self.place(),
                what,
                needed: count as u64,
                left: left as u64,
            });
        }
        let taken = &self.bytes[self.at..][..count];
        self.at += count;
        Ok(taken)
    }

    fn count(&mut self, what: &'static str) -> Result<usize> {
        let mut word = [0; 4];
        word.copy_from_slice(self.take(4, what)?);
        let value = i32::from_le_bytes(word);
        usize::try_from(value).map_err(|_| self.error(what, "at least 0", value))
    }

    fn text(&mut self, length: usize) -> Result<&'a str> {
        let text = std::str::from_utf8(self.take(length, "a name")?);
        text.map_err(|e| self.error("a name", "UTF-8", e))
    }

    fn place(&self) -> String {
        format!("an importance matrix of the older format, byte {}", self.at)
    }

    fn error(&self, what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> Error {
        file_error(&self.place(), what, expected, got)
    }
}

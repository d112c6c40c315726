//! Reading untrusted bytes: no step goes past the end, and each error says where it was.

use crate::{Error, Result};
use std::fmt;

/// A place in a file, for errors.
#[derive(Clone, Copy)]
pub(super) enum Location<'p> {
    Header,
    /// A key whose name has not been read yet.
    KeyAt(u64),
    Key(&'p str),
    /// A tensor whose name has not been read yet.
    TensorAt(u64),
    Tensor(&'p str),
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name can be as long as the file; a message should not be.
        let short = |name: &str| name.chars().take(100).collect::<String>();
        match self {
            Location::Header => f.write_str("the header"),
            Location::KeyAt(index) => write!(f, "key {index}"),
            Location::Key(name) => write!(f, "key {:?}", short(name)),
            Location::TensorAt(index) => write!(f, "tensor {index}"),
            Location::Tensor(name) => write!(f, "tensor {:?}", short(name)),
        }
    }
}

impl Location<'_> {
    pub fn error(self, what: impl Into<String>, expected: impl fmt::Display, got: impl fmt::Display) -> Error {
        Error::File {
            at: self.to_string(),
            what: what.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }
}

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub fn position(&self) -> u64 {
        self.at as u64
    }

    pub fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    pub fn take(&mut self, count: u64, place: Location, what: &'static str) -> Result<&'a [u8]> {
        self.check(count, place, what)?;
        // Fits, being at most the length of a slice.
        let taken = &self.bytes[self.at..][..count as usize];
        self.at += taken.len();
        Ok(taken)
    }

    /// That `needed` more bytes are there, before anything is reserved for them.
    pub fn check(&self, needed: u64, place: Location, what: &'static str) -> Result<()> {
        match self.left() {
            left if needed > left => Err(Error::Truncated {
                at: place.to_string(),
                what,
                needed,
                left,
            }),
            _ => Ok(()),
        }
    }

    pub fn array<const N: usize>(&mut self, place: Location, what: &'static str) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64, place, what)?);
        Ok(out)
    }

    pub fn u32(&mut self, place: Location, what: &'static str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(place, what)?))
    }

    pub fn u64(&mut self, place: Location, what: &'static str) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(place, what)?))
    }

    /// A string: its length in eight bytes, then its bytes. They should be UTF-8, but some existing files differ.
    pub fn text(&mut self, place: Location, what: &'static str) -> Result<&'a [u8]> {
        let length = self.u64(place, what)?;
        self.take(length, place, what)
    }

    /// The bytes that were read since `earlier`, a copy of this cursor.
    pub fn since(&self, earlier: &Cursor) -> &'a [u8] {
        &self.bytes[earlier.at..self.at]
    }
}

pub(super) fn check_no_nul(name: &str, place: Location, what: &'static str) -> Result<()> {
    match name.find('\0') {
        Some(at) => Err(place.error(what, "without NUL", format!("NUL at byte {at} of {}", name.len()))),
        None => Ok(()),
    }
}

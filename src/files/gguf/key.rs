//! The keys of a file: where their values lie, which are decoded when asked for.

use super::Value;
use super::cursor::{Cursor, Place};
use super::value::{ARRAY, STRING, skip, texts, width};
use crate::{Error, Result};
use std::borrow::Cow;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;

/// One key of a file. Its value is decoded when it is asked for: a vocabulary may be megabytes.
#[derive(Clone, PartialEq)]
pub struct Key<'a> {
    name: Cow<'a, str>,
    type_id: u32,
    bytes: &'a [u8],
}

/// Without the value, which may be megabytes.
impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = (&self.name, self.bytes.len());
        write!(f, "{name:?} of type {} in {bytes} bytes", self.type_id)
    }
}

impl<'a> Key<'a> {
    /// The name. It ends before the first NUL, as it does for llama.cpp; bytes of it that are not UTF-8
    /// are written out, as `\xff`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number that stands for the value's type in a file, 9 for an array.
    pub fn type_id(&self) -> u32 {
        self.type_id
    }

    /// The value, decoded.
    pub fn value(&self) -> Value {
        Value::decode(self.type_id, self.bytes)
    }

    /// The text, where it is a string of UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The bytes of a string, which should be UTF-8.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        let is_string = self.type_id == STRING;
        texts(self.bytes).next().filter(|_| is_string)
    }

    /// The bytes of each string of an array of strings. Tokens are not always UTF-8.
    pub fn strings(&self) -> Option<impl Iterator<Item = &'a [u8]>> {
        let (id, items) = self.items()?;
        (id == STRING).then(|| texts(items))
    }

    /// The number, where it is an integer of any width that is not negative: see [`Value::as_u64`].
    pub fn as_u64(&self) -> Option<u64> {
        match self.type_id {
            STRING | ARRAY => None,
            _ => self.value().as_u64(),
        }
    }

    /// The first number of an array of integers that are not negative.
    pub(super) fn first_u64(&self) -> Option<u64> {
        let (id, items) = self.items()?;
        let first = items.get(..usize::try_from(width(id)?).ok()?)?;
        Value::decode(id, first).as_u64()
    }

    /// The type and the bytes of an array's elements.
    fn items(&self) -> Option<(u32, &'a [u8])> {
        let (id, rest) = self.bytes.split_first_chunk()?;
        let (_, items) = rest.split_first_chunk::<8>()?;
        (self.type_id == ARRAY).then_some((u32::from_le_bytes(*id), items))
    }
}

/// The keys of a file in order, found by name.
#[derive(Clone, Debug)]
pub(super) struct Keys<'a> {
    pub list: Vec<Key<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Keys<'a> {
    /// Reads `count` of them. Nothing is reserved by that number: a key takes more room here than in
    /// the file.
    pub fn read(file: &mut Cursor<'a>, count: u64) -> Result<Keys<'a>> {
        let (list, places) = (Vec::new(), HashMap::new());
        let mut keys = Keys { list, places };
        for index in 0..count {
            let place = Place::KeyAt(index);
            let name = file.text(place, "the name")?;
            if name.is_empty() {
                return Err(place.error("the name", "at least 1 byte", "0 bytes"));
            }
            let (raw, name) = (name, shown(name));
            let place = Place::Key(&name);
            check_new(&mut keys.places, place, raw, name.clone(), keys.list.len())?;
            let type_id = file.u32(place, "the value type")?;
            let start = file.clone();
            skip(file, type_id, place)?;
            let bytes = file.since(&start);
            keys.list.push(Key { name, type_id, bytes });
        }
        Ok(keys)
    }

    pub fn get(&self, name: &str) -> Option<&Key<'a>> {
        self.places.get(name).map(|&at| &self.list[at])
    }
}

/// A name as text. C tools take a NUL for its end, and so does this, to see the same name; what is not
/// UTF-8 is written out, so that different names stay different.
pub(super) fn shown(name: &[u8]) -> Cow<'_, str> {
    let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let name = &name[..end];
    if let Ok(text) = std::str::from_utf8(name) {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    Cow::Owned(text)
}

/// Notes that the name at `place` is that of number `at`. Where several names are the same up to a NUL
/// the first is found by it, as in llama.cpp; any other that is there twice is an error.
pub(super) fn check_new<'a>(
    places: &mut HashMap<Cow<'a, str>, usize>,
    place: Place,
    raw: &[u8],
    name: Cow<'a, str>,
    at: usize,
) -> Result<()> {
    match places.entry(name) {
        Entry::Vacant(free) => {
            free.insert(at);
            Ok(())
        }
        Entry::Occupied(_) if raw.contains(&0) => Ok(()),
        Entry::Occupied(first) => Err(Error::Duplicate {
            at: place.to_string(),
            first: *first.get() as u64,
            second: at as u64,
        }),
    }
}

//! The keys of a file. Values stay encoded until they are asked for.

use super::cursor::{Cursor, Location};
use super::value::{ARRAY, STRING, Value, skip, texts, width};
use crate::{Error, Result};
use std::borrow::Cow;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;

/// One key of a file. Its value is decoded on request: a vocabulary can take megabytes.
#[derive(Clone, PartialEq)]
pub struct Key<'a> {
    name: Cow<'a, str>,
    type_id: u32,
    bytes: &'a [u8],
}

/// Without the value, which can take megabytes.
impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = (&self.name, self.bytes.len());
        write!(f, "{name:?} of type {} in {bytes} bytes", self.type_id)
    }
}

impl<'a> Key<'a> {
    /// The name, up to the first NUL as in llama.cpp. Bytes that are not UTF-8 are escaped: `\xff`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the value's type in a file; 9 for an array.
    pub fn type_id(&self) -> u32 {
        self.type_id
    }

    /// The value, decoded.
    pub fn value(&self) -> Value {
        Value::decode(self.type_id, self.bytes)
    }

    /// The text, if the value is a string of UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The bytes of a string, usually UTF-8.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        let is_string = self.type_id == STRING;
        texts(self.bytes).next().filter(|_| is_string)
    }

    /// The bytes of each string, if the value is an array of strings. Tokens are not always UTF-8.
    pub fn strings(&self) -> Option<impl Iterator<Item = &'a [u8]>> {
        let (id, items) = self.items()?;
        (id == STRING).then(|| texts(items))
    }

    /// The number, if the value is a non-negative integer of any width: see [`Value::as_u64`].
    pub fn as_u64(&self) -> Option<u64> {
        match self.type_id {
            STRING | ARRAY => None,
            _ => self.value().as_u64(),
        }
    }

    /// The first number of an array, if it is a non-negative integer.
    pub(super) fn first_u64(&self) -> Option<u64> {
        let (id, items) = self.items()?;
        let first = items.get(..usize::try_from(width(id)?).ok()?)?;
        Value::decode(id, first).as_u64()
    }

    /// The element type and the bytes of an array.
    fn items(&self) -> Option<(u32, &'a [u8])> {
        let (id, rest) = self.bytes.split_first_chunk()?;
        let (_, items) = rest.split_first_chunk::<8>()?;
        (self.type_id == ARRAY).then_some((u32::from_le_bytes(*id), items))
    }
}

/// The keys of a file in order, indexed by name.
#[derive(Clone, Debug)]
pub(super) struct Keys<'a> {
    pub list: Vec<Key<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Keys<'a> {
    /// Reads `count` keys. No memory is reserved by that count: a key takes more memory than it has bytes in the file.
    pub fn read(file: &mut Cursor<'a>, count: u64) -> Result<Keys<'a>> {
        let (list, places) = (Vec::new(), HashMap::new());
        let mut keys = Keys { list, places };
        for index in 0..count {
            let place = Location::KeyAt(index);
            let name = file.text(place, "the name")?;
            if name.is_empty() {
                return Err(place.error("the name", "at least 1 byte", "0 bytes"));
            }
            let (raw, name) = (name, shown(name));
            let place = Location::Key(&name);
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

/// A name as text. It ends at a NUL, as for tools in C, so that all see the same name. Bytes that are not UTF-8 are
/// escaped, so that different names stay different.
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

/// Registers the name at `place` for number `at`. Names that are equal up to a NUL are found as the first of them, as in
/// llama.cpp; any other repeated name is an error.
pub(super) fn check_new<'a>(
    places: &mut HashMap<Cow<'a, str>, usize>,
    place: Location,
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

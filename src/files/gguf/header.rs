//! All that comes before the data: version, keys, and the table of tensors.

use super::cursor::{Cursor, Place};
use super::key::Keys;
use super::types::LIMIT;
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, Key, MAGIC, TensorEntry, VERSION, check_alignment};
use crate::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// The fewest bytes of a key (length, one byte of name, type, one byte of value) and of a
/// tensor's entry (length, number of dimensions, type, offset).
const LEAST_KEY: u64 = 8 + 1 + 4 + 1;
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// What a file says of itself before its data: see [`Gguf::parse_header`](super::Gguf::parse_header).
#[derive(Clone, Debug)]
pub struct Header<'a> {
    pub(super) version: u32,
    pub(super) alignment: u32,
    pub(super) keys: Keys<'a>,
    pub(super) tensors: Vec<TensorEntry<'a>>,
    pub(super) names: HashMap<Cow<'a, str>, usize>,
    /// Where the table ends.
    pub(super) end: u64,
}

impl<'a> Header<'a> {
    /// Reads a header, and leaves `file` at the end of it.
    pub(super) fn read(file: &mut Cursor<'a>) -> Result<Header<'a>> {
        let version = read_version(file)?;
        let n_tensors = file.u64(Place::Header, "the number of tensors")?;
        let n_keys = file.u64(Place::Header, "the number of keys")?;
        let keys_need = n_keys.saturating_mul(LEAST_KEY);
        let tensors_need = n_tensors.saturating_mul(LEAST_TENSOR);
        file.check(keys_need, Place::Header, "the keys it counts")?;
        file.check(tensors_need, Place::Header, "the tensors it counts")?;

        let keys = Keys::read(file, n_keys)?;
        let alignment = match keys.get(ALIGNMENT_KEY) {
            Some(key) => check_alignment(&key.value(), 1 << 31)?,
            None => DEFAULT_ALIGNMENT,
        };
        // Nothing is reserved by these counts: entries take more room here than in the file.
        let (mut tensors, mut names) = (Vec::new(), HashMap::new());
        for _ in 0..n_tensors {
            let tensor = TensorEntry::read(file, tensors.len(), &mut names)?;
            tensors.push(tensor);
        }
        let mut header = Header {
            version,
            alignment,
            keys,
            tensors,
            names,
            end: file.position(),
        };
        match header.place() {
            Ok(()) => Ok(header),
            // Only where the table fits no other way: its sizes may be those of the older Q2_0.
            Err(error) => header.older_q2_0().ok_or(error),
        }
    }

    /// The same file, tensors of type Q2_0 being of its older form, if its table can be read so.
    pub(super) fn older_q2_0(mut self) -> Option<Header<'a>> {
        let tensors = self.tensors.iter_mut();
        let changed = tensors.filter_map(TensorEntry::take_older_q2_0).count();
        (changed > 0 && self.place().is_ok()).then_some(self)
    }

    /// Says where each tensor lies. They must follow each other without gaps but for padding, as
    /// llama.cpp asks: then none overlap.
    fn place(&mut self) -> Result<()> {
        let alignment = u64::from(self.alignment);
        let data_start = self.data_start();
        let mut expected = 0u64;
        for tensor in &mut self.tensors {
            let place = Place::Tensor(tensor.name());
            if tensor.offset() != expected {
                return Err(place.error("the offset", expected, tensor.offset()));
            }
            let end = expected.saturating_add(tensor.byte_len());
            if end > LIMIT - data_start {
                let most = format!("at most {}", LIMIT - data_start);
                return Err(place.error("the offset and the size together", most, end));
            }
            expected = end.next_multiple_of(alignment);
            tensor.data_start = data_start;
        }
        Ok(())
    }

    /// The version of the container, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Tensors start at multiples of this many bytes.
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// Where the data section starts, in bytes from the start of the file.
    pub fn data_start(&self) -> u64 {
        self.end.next_multiple_of(self.alignment.into())
    }

    /// All keys, in the file's order.
    pub fn metadata(&self) -> &[Key<'a>] {
        &self.keys.list
    }

    /// The key of this name.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.keys.get(key)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorEntry<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorEntry<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }
}

fn read_version(file: &mut Cursor) -> Result<u32> {
    let magic: [u8; 4] = file.array(Place::Header, "the magic number")?;
    if magic != MAGIC {
        let show = |magic: [u8; 4]| format!("{magic:02x?}");
        return Err(Place::Header.error("the magic number", show(MAGIC), show(magic)));
    }
    let version = file.u32(Place::Header, "the version")?;
    match version {
        2 | VERSION => Ok(version),
        // A version of less than 2^16 written in the other byte order.
        v if v != 0 && v & 0xffff == 0 => Err(Place::Header.error(
            "the version",
            "2 or 3 in little-endian",
            format!("{v:#x}, {} in big-endian", v.swap_bytes()),
        )),
        v => Err(Place::Header.error("the version", "2 or 3", v)),
    }
}

/// The error of a prefix that ends too early, where `error` is of a file that does.
pub(super) fn wants_more(error: Error, got: usize) -> Error {
    let got = got as u64;
    match error {
        Error::Truncated { at, what, needed, left } => Error::MoreBytes {
            at,
            what,
            needed: (got - left).saturating_add(needed),
            got,
        },
        other => other,
    }
}

//! The header: version, keys, and the table of tensors.

use super::container::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, VERSION, check_alignment};
use super::cursor::{Cursor, Location};
use super::entry::TensorEntry;
use super::key::{Key, Keys};
use super::types::LIMIT;
use crate::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// The least bytes of a key (length, one byte of name, type, one byte of value) and of a tensor's entry (length, number
/// of dimensions, type, offset).
const LEAST_KEY: u64 = 8 + 1 + 4 + 1;
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// The header of a file: see [`Gguf::parse_header`](super::Gguf::parse_header).
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
    /// Reads a header and leaves `file` at its end.
    pub(super) fn read(file: &mut Cursor<'a>) -> Result<Header<'a>> {
        let version = read_version(file)?;
        let n_tensors = file.u64(Location::Header, "the number of tensors")?;
        let n_keys = file.u64(Location::Header, "the number of keys")?;
        let keys_need = n_keys.saturating_mul(LEAST_KEY);
        let tensors_need = n_tensors.saturating_mul(LEAST_TENSOR);
        file.check(keys_need, Location::Header, "the keys it counts")?;
        file.check(tensors_need, Location::Header, "the tensors it counts")?;

        let keys = Keys::read(file, n_keys)?;
        let alignment = match keys.get(ALIGNMENT_KEY) {
            Some(key) => check_alignment(&key.value(), 1 << 31)?,
            None => DEFAULT_ALIGNMENT,
        };
        // No memory is reserved by these counts: entries take more memory than bytes in the file.
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
            // The table is invalid as it is: its sizes can be those of the older Q2_0.
            Err(error) => header.older_q2_0().ok_or(error),
        }
    }

    /// The same header with tensors of type Q2_0 in their older form, if the table is valid then.
    pub(super) fn older_q2_0(mut self) -> Option<Header<'a>> {
        let tensors = self.tensors.iter_mut();
        let changed = tensors.filter_map(TensorEntry::take_older_q2_0).count();
        (changed > 0 && self.place().is_ok()).then_some(self)
    }

    /// Locates each tensor. As in llama.cpp, tensors must follow each other with no gap other than padding, so that
    /// none overlap.
    fn place(&mut self) -> Result<()> {
        let alignment = u64::from(self.alignment);
        let data_start = self.data_start();
        let mut expected = 0u64;
        for tensor in &mut self.tensors {
            let place = Location::Tensor(tensor.name());
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

    /// Tensors start at multiples of this number of bytes.
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

    /// The key with this name.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.keys.get(key)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorEntry<'a>] {
        &self.tensors
    }

    /// The tensor with this name.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorEntry<'a>> {
        self.find(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<&TensorEntry<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }
}

fn read_version(file: &mut Cursor) -> Result<u32> {
    let magic: [u8; 4] = file.array(Location::Header, "the magic number")?;
    if magic != MAGIC {
        let show = |magic: [u8; 4]| format!("{magic:02x?}");
        return Err(Location::Header.error("the magic number", show(MAGIC), show(magic)));
    }
    let version = file.u32(Location::Header, "the version")?;
    match version {
        2 | VERSION => Ok(version),
        // A version under 2^16 in big-endian.
        v if v != 0 && v & 0xffff == 0 => Err(Location::Header.error(
            "the version",
            "2 or 3 in little-endian",
            format!("{v:#x}, {} in big-endian", v.swap_bytes()),
        )),
        v => Err(Location::Header.error("the version", "2 or 3", v)),
    }
}

/// The error of a prefix that is too short, from that of a file that ends early.
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

//! Writing a GGUF file, version 3.

use super::container::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, MAX_ALIGNMENT, VERSION, check_alignment};
use super::cursor::{Location, check_no_nul};
use super::pending::{PendingTensor, check_size};
use super::stream::Stream;
use super::types::{check_dims, tensor_bytes};
use super::value::Value;
use super::value::write_str;
use crate::{Error, Matrix, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

/// llama.cpp stores names in 64 bytes with a final NUL.
const MAX_NAME: usize = 63;

/// Collects keys and tensors, and writes them in the order in which they were added.
///
/// The bytes of tensors can be borrowed. The key `general.alignment` (u32, a power of two) sets the alignment of
/// tensors; the default is 32.
#[derive(Clone, Debug, Default)]
pub struct Writer<'a> {
    pub(super) metadata: Vec<(String, Value)>,
    keys: HashMap<String, usize>,
    pub(super) tensors: Vec<PendingTensor<'a>>,
    names: HashMap<String, usize>,
}

impl<'a> Writer<'a> {
    /// A file without keys and tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::File`] for a key that is empty or contains a NUL and for an invalid `general.alignment`,
    /// [`Error::Duplicate`] for a key that was added before.
    pub fn metadata(&mut self, key: &str, value: impl Into<Value>) -> Result<&mut Self> {
        let value = value.into();
        let place = Location::Key(key);
        if key.is_empty() {
            return Err(place.error("the name", "at least 1 byte", "0 bytes"));
        }
        check_no_nul(key, place, "the name")?;
        if key == ALIGNMENT_KEY {
            check_alignment(&value, MAX_ALIGNMENT)?;
        }
        check_new(&mut self.keys, key, self.metadata.len(), place)?;
        self.metadata.push((key.to_owned(), value));
        Ok(self)
    }

    /// Adds a tensor of any type as bytes. `dims` is in ggml's order, the row length k first.
    ///
    /// # Errors
    /// [`Error::File`] if name, shape or type is invalid or the number of bytes does not fit them,
    /// [`Error::Duplicate`] for a name that was added before.
    pub fn tensor(
        &mut self,
        name: &str,
        dims: &[u64],
        type_id: u32,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> Result<&mut Self> {
        let bytes = bytes.into();
        let expected = self.check_tensor(name, dims, type_id)?;
        check_size(name, dims, expected, bytes.len())?;
        self.add(name, dims, type_id, expected, Some(bytes))
    }

    /// Adds a tensor whose bytes are given to a [`Stream`] later.
    ///
    /// # Errors
    /// The errors of [`tensor`](Writer::tensor).
    pub fn declare(&mut self, name: &str, dims: &[u64], type_id: u32) -> Result<&mut Self> {
        let size = self.check_tensor(name, dims, type_id)?;
        self.add(name, dims, type_id, size, None)
    }

    /// Checks a tensor and returns its size in bytes.
    fn check_tensor(&self, name: &str, dims: &[u64], type_id: u32) -> Result<u64> {
        let place = Location::Tensor(name);
        check_no_nul(name, place, "the name")?;
        if name.len() > MAX_NAME {
            let most = format!("at most {MAX_NAME} bytes long");
            return Err(place.error("the name", most, format!("{} bytes", name.len())));
        }
        check_dims(place, u32::try_from(dims.len()).unwrap_or(u32::MAX))?;
        tensor_bytes(place, dims, type_id)
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        dims: &[u64],
        type_id: u32,
        size: u64,
        bytes: Option<Cow<'a, [u8]>>,
    ) -> Result<&mut Self> {
        let place = Location::Tensor(name);
        check_new(&mut self.names, name, self.tensors.len(), place)?;
        self.tensors.push(PendingTensor {
            name: name.to_owned(),
            dims: dims.to_vec(),
            type_id,
            size,
            bytes,
        });
        Ok(self)
    }

    /// Adds a matrix as a tensor of shape [k, n].
    ///
    /// # Errors
    /// [`Error::NoTensorType`] for a format that GGUF files cannot hold, and the errors of [`tensor`](Writer::tensor).
    pub fn matrix(&mut self, name: &str, matrix: &'a Matrix<'_>) -> Result<&mut Self> {
        let type_id = matrix.format().gguf().ok_or_else(|| Error::NoTensorType {
            tensor: name.to_owned(),
            format: matrix.format().to_string(),
        })?;
        let dims = [matrix.k() as u64, matrix.n() as u64];
        self.tensor(name, &dims, type_id, matrix.bytes())
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    pub(super) fn alignment(&self) -> Result<u64> {
        match self.keys.get(ALIGNMENT_KEY) {
            Some(&at) => check_alignment(&self.metadata[at].1, MAX_ALIGNMENT).map(u64::from),
            None => Ok(DEFAULT_ALIGNMENT.into()),
        }
    }

    /// Writes the file. Use a [`BufWriter`](std::io::BufWriter): each tensor takes several small writes.
    ///
    /// # Errors
    /// [`Error::Io`] if `out` fails, [`Error::File`] for a tensor that was declared without bytes.
    pub fn write(&self, out: impl Write) -> Result<()> {
        if let Some(t) = self.tensors.iter().find(|t| t.bytes.is_none()) {
            let expected = format!("{} bytes", t.size);
            return Err(Location::Tensor(&t.name).error("the data", expected, "none yet"));
        }
        self.stream(out)?.finish()
    }

    /// Writes the header. The bytes of declared tensors are then given to the stream one tensor after the other, so
    /// that they need not be in memory at once.
    ///
    /// # Errors
    /// [`Error::Io`] if `out` fails, [`Error::TooLarge`] if the file's size overflows.
    pub fn stream<W: Write>(&self, out: W) -> Result<Stream<'_, 'a, W>> {
        let alignment = self.alignment()?;
        let mut head = self.head(alignment)?;
        // llama.cpp pads even if no tensor follows.
        head.resize(head.len().next_multiple_of(alignment as usize), 0);
        Stream::new(&self.tensors, alignment as usize, &head, out)
    }

    /// The file as bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if its size overflows, [`Error::File`] for a tensor without bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.write(&mut out)?;
        Ok(out)
    }

    /// The bytes of the header.
    fn head(&self, alignment: u64) -> Result<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(self.tensors.len() as u64).to_le_bytes());
        out.extend_from_slice(&(self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            write_str(key, &mut out);
            value.write(&mut out);
        }
        let mut offset = 0u64;
        for tensor in &self.tensors {
            write_str(&tensor.name, &mut out);
            out.extend_from_slice(&(tensor.dims.len() as u32).to_le_bytes());
            for size in &tensor.dims {
                out.extend_from_slice(&size.to_le_bytes());
            }
            out.extend_from_slice(&tensor.type_id.to_le_bytes());
            out.extend_from_slice(&offset.to_le_bytes());
            // The sum can overflow, since the same borrowed bytes can be added many times.
            offset = offset
                .checked_add(tensor.size)
                .and_then(|end| end.checked_next_multiple_of(alignment))
                .filter(|&end| end <= i64::MAX as u64)
                .ok_or(Error::TooLarge {
                    what: "a GGUF file",
                    needed: u64::MAX,
                    limit: i64::MAX as u64,
                })?;
        }
        Ok(out)
    }
}

fn check_new(seen: &mut HashMap<String, usize>, name: &str, at: usize, place: Location) -> Result<()> {
    if let Some(&first) = seen.get(name) {
        return Err(Error::Duplicate {
            at: place.to_string(),
            first: first as u64,
            second: at as u64,
        });
    }
    seen.insert(name.to_owned(), at);
    Ok(())
}

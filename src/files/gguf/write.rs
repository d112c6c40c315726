//! Writing a GGUF file, version 3.

use super::cursor::{Place, check_no_nul};
use super::types::{check_dims, tensor_bytes};
use super::value::write_str;
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, MAX_ALIGNMENT, Stream, VERSION, Value, check_alignment};
use crate::{Error, Matrix, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::Write;

/// llama.cpp keeps names in 64 bytes, the last a NUL.
const MAX_NAME: usize = 63;

/// Collects keys and tensors, then writes them in the order they were given.
///
/// The bytes of tensors are borrowed where they can be. A key `general.alignment` (u32, a power of
/// two) sets the alignment of tensors, which is 32 without it.
#[derive(Clone, Debug, Default)]
pub struct Writer<'a> {
    pub(super) metadata: Vec<(String, Value)>,
    keys: HashMap<String, usize>,
    pub(super) tensors: Vec<Tensor<'a>>,
    names: HashMap<String, usize>,
}

#[derive(Clone)]
pub(super) struct Tensor<'a> {
    pub name: String,
    pub dims: Vec<u64>,
    pub type_id: u32,
    pub size: u64,
    /// None where they come later, through a `Stream`.
    pub bytes: Option<Cow<'a, [u8]>>,
}

/// Without the data, which may be gigabytes.
impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} of type {}", self.name, self.dims, self.type_id)
    }
}

impl<'a> Writer<'a> {
    /// A file with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::File`] for a key that is empty or holds a NUL and for an impossible
    /// `general.alignment`, [`Error::Duplicate`] for a key that was added before.
    pub fn metadata(&mut self, key: &str, value: impl Into<Value>) -> Result<&mut Self> {
        let value = value.into();
        let place = Place::Key(key);
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
    /// [`Error::File`] where name, shape, type and the number of bytes do not fit,
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

    /// Adds a tensor without its bytes, which are given to a [`Stream`] later on.
    ///
    /// # Errors
    /// Those of [`tensor`](Writer::tensor).
    pub fn declare(&mut self, name: &str, dims: &[u64], type_id: u32) -> Result<&mut Self> {
        let size = self.check_tensor(name, dims, type_id)?;
        self.add(name, dims, type_id, size, None)
    }

    /// The bytes that such a tensor takes.
    fn check_tensor(&self, name: &str, dims: &[u64], type_id: u32) -> Result<u64> {
        let place = Place::Tensor(name);
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
        let place = Place::Tensor(name);
        check_new(&mut self.names, name, self.tensors.len(), place)?;
        self.tensors.push(Tensor {
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
    /// [`Error::NoTensorType`] for a format that GGUF files cannot hold, else those of
    /// [`tensor`](Writer::tensor).
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

    /// No tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    pub(super) fn alignment(&self) -> Result<u64> {
        match self.keys.get(ALIGNMENT_KEY) {
            Some(&at) => check_alignment(&self.metadata[at].1, MAX_ALIGNMENT).map(u64::from),
            None => Ok(DEFAULT_ALIGNMENT.into()),
        }
    }

    /// Writes the file. Wrap files in a [`BufWriter`](std::io::BufWriter): there are several small
    /// writes for each tensor.
    ///
    /// # Errors
    /// [`Error::Io`] where `out` fails, [`Error::File`] for a tensor that was declared without bytes.
    pub fn write(&self, out: impl Write) -> Result<()> {
        if let Some(t) = self.tensors.iter().find(|t| t.bytes.is_none()) {
            let expected = format!("{} bytes", t.size);
            return Err(Place::Tensor(&t.name).error("the data", expected, "none yet"));
        }
        self.stream(out)?.finish()
    }

    /// Writes all that comes before the data; the bytes of tensors that were declared are then given
    /// to the stream one after the other, and need not be in memory at once.
    ///
    /// # Errors
    /// [`Error::Io`] where `out` fails, [`Error::TooLarge`] where the file's size overflows.
    pub fn stream<W: Write>(&self, out: W) -> Result<Stream<'_, 'a, W>> {
        let alignment = self.alignment()?;
        let mut head = self.head(alignment)?;
        // Padded even where no tensor follows, as llama.cpp does.
        head.resize(head.len().next_multiple_of(alignment as usize), 0);
        Stream::new(&self.tensors, alignment as usize, &head, out)
    }

    /// The file as bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where its size overflows, [`Error::File`] for a tensor without bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.write(&mut out)?;
        Ok(out)
    }

    /// All that comes before the data.
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
            // The same bytes may have been added any number of times.
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

/// That the bytes of a tensor are as many as its shape takes.
pub(super) fn check_size(name: &str, dims: &[u64], expected: u64, got: usize) -> Result<()> {
    if got as u64 == expected {
        return Ok(());
    }
    let what = format!("the data of shape {dims:?}");
    let (expected, got) = (format!("{expected} bytes"), format!("{got} bytes"));
    Err(Place::Tensor(name).error(what, expected, got))
}

fn check_new(seen: &mut HashMap<String, usize>, name: &str, at: usize, place: Place) -> Result<()> {
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

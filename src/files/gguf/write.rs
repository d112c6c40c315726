//! Writing a GGUF file, version 3.

use super::cursor::{check_no_nul, Place};
use super::types::{check_dims, tensor_bytes};
use super::value::write_str;
use super::{check_alignment, Value, ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, VERSION};
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
    metadata: Vec<(String, Value)>,
    keys: HashMap<String, usize>,
    tensors: Vec<Tensor<'a>>,
    names: HashMap<String, usize>,
}

#[derive(Clone)]
struct Tensor<'a> {
    name: String,
    dims: Vec<u64>,
    type_id: u32,
    bytes: Cow<'a, [u8]>,
}

/// Without the data, which may be gigabytes.
impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {:?} of type {}",
            self.name, self.dims, self.type_id
        )
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
            check_alignment(&value)?;
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
        let place = Place::Tensor(name);
        check_no_nul(name, place, "the name")?;
        if name.len() > MAX_NAME {
            let most = format!("at most {MAX_NAME} bytes long");
            return Err(place.error("the name", most, format!("{} bytes", name.len())));
        }
        check_dims(place, u32::try_from(dims.len()).unwrap_or(u32::MAX))?;
        let expected = tensor_bytes(place, dims, type_id)?;
        if bytes.len() as u64 != expected {
            let what = format!("the data of shape {dims:?}");
            return Err(place.error(
                what,
                format!("{expected} bytes"),
                format!("{} bytes", bytes.len()),
            ));
        }
        check_new(&mut self.names, name, self.tensors.len(), place)?;
        self.tensors.push(Tensor {
            name: name.to_owned(),
            dims: dims.to_vec(),
            type_id,
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

    fn alignment(&self) -> Result<u64> {
        match self.keys.get(ALIGNMENT_KEY) {
            Some(&at) => check_alignment(&self.metadata[at].1).map(u64::from),
            None => Ok(DEFAULT_ALIGNMENT.into()),
        }
    }

    /// Writes the file. Wrap files in a [`BufWriter`](std::io::BufWriter): there are several small
    /// writes for each tensor.
    ///
    /// # Errors
    /// [`Error::Io`] where `out` fails.
    pub fn write(&self, mut out: impl Write) -> Result<()> {
        let alignment = self.alignment()?;
        let mut head = self.head(alignment)?;
        // Padded even where no tensor follows, as llama.cpp does.
        head.resize(head.len().next_multiple_of(alignment as usize), 0);
        let failed = |e: std::io::Error| Error::Io {
            what: "writing a GGUF file",
            message: e.to_string(),
        };
        out.write_all(&head).map_err(failed)?;
        let zeros = vec![0; alignment as usize];
        for tensor in &self.tensors {
            let padding = tensor.bytes.len().next_multiple_of(zeros.len()) - tensor.bytes.len();
            out.write_all(&tensor.bytes).map_err(failed)?;
            out.write_all(&zeros[..padding]).map_err(failed)?;
        }
        out.flush().map_err(failed)
    }

    /// The file as bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where its size overflows.
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
                .checked_add(tensor.bytes.len() as u64)
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

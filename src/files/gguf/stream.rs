//! Writing the data of a file, tensor by tensor, after its header.

use super::cursor::Location;
use super::pending::{PendingTensor, check_size};
use crate::{Error, Result};
use std::fmt;
use std::io::{self, Write};

/// A file that is being written: see [`Writer::stream`](super::Writer::stream).
///
/// Tensors are written in the order in which they were added. The stream writes those that were added with their bytes by
/// itself; the caller gives the bytes of declared ones.
pub struct Stream<'w, 'a, W: Write> {
    left: std::slice::Iter<'w, PendingTensor<'a>>,
    zeros: Vec<u8>,
    out: W,
}

/// Without the output and the data.
impl<W: Write> fmt::Debug for Stream<'_, '_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("left", &self.left.as_slice())
            .finish_non_exhaustive()
    }
}

impl<'w, 'a, W: Write> Stream<'w, 'a, W> {
    pub(super) fn new(tensors: &'w [PendingTensor<'a>], alignment: usize, head: &[u8], mut out: W) -> Result<Self> {
        out.write_all(head).map_err(failed)?;
        Ok(Stream {
            left: tensors.iter(),
            zeros: vec![0; alignment],
            out,
        })
    }

    /// Writes the bytes of the next declared tensor.
    ///
    /// # Errors
    /// [`Error::File`] if `name` is not the next declared tensor or the number of bytes does not fit its shape,
    /// [`Error::Io`] if writing fails.
    pub fn tensor(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let next = self.write_known()?;
        let Some(tensor) = next.filter(|t| t.name == name) else {
            let next = next.map_or("no tensor, all being written".into(), |t| {
                format!("tensor {:?}", t.name)
            });
            return Err(Location::Tensor(name).error("the next tensor", next, "this one"));
        };
        check_size(name, &tensor.dims, tensor.size, bytes.len())?;
        self.left.next();
        self.write(bytes)
    }

    /// Writes the remaining tensors and flushes.
    ///
    /// # Errors
    /// [`Error::File`] if a declared tensor is missing its bytes, [`Error::Io`] if writing fails.
    pub fn finish(mut self) -> Result<()> {
        match self.write_known()? {
            None => self.out.flush().map_err(failed),
            Some(tensor) => {
                Err(Location::Tensor(&tensor.name).error("the data", format!("{} bytes", tensor.size), "none yet"))
            }
        }
    }

    /// Writes tensors up to the next declared one, which it returns.
    fn write_known(&mut self) -> Result<Option<&'w PendingTensor<'a>>> {
        while let Some(tensor) = self.left.as_slice().first() {
            let Some(bytes) = &tensor.bytes else {
                return Ok(Some(tensor));
            };
            self.left.next();
            self.write(bytes)?;
        }
        Ok(None)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let padding = bytes.len().next_multiple_of(self.zeros.len()) - bytes.len();
        self.out.write_all(bytes).map_err(failed)?;
        self.out.write_all(&self.zeros[..padding]).map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("writing a GGUF file")(error)
}

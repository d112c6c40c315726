//! The data of a file, tensor by tensor, after all that comes before it.

use super::cursor::Place;
use super::write::{Tensor, check_size};
use crate::{Error, Result};
use std::io::{self, Write};

/// A file that is being written: see [`Writer::stream`](super::Writer::stream).
///
/// Tensors come in the order that they were added in. Those added with their bytes are written when
/// their turn comes, so that only declared ones are to be given.
pub struct Stream<'w, 'a, W: Write> {
    left: std::slice::Iter<'w, Tensor<'a>>,
    zeros: Vec<u8>,
    out: W,
}

impl<'w, 'a, W: Write> Stream<'w, 'a, W> {
    pub(super) fn new(tensors: &'w [Tensor<'a>], alignment: usize, head: &[u8], mut out: W) -> Result<Self> {
        out.write_all(head).map_err(failed)?;
        Ok(Stream {
            left: tensors.iter(),
            zeros: vec![0; alignment],
            out,
        })
    }

    /// Writes the bytes of the next tensor that was declared without them.
    ///
    /// # Errors
    /// [`Error::File`] where it is another's turn, none's, or the bytes are more or fewer than its
    /// shape takes; [`Error::Io`] where writing fails.
    pub fn tensor(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let next = self.write_known()?;
        let Some(tensor) = next.filter(|t| t.name == name) else {
            let next = next.map_or("no tensor, all being written".into(), |t| {
                format!("tensor {:?}", t.name)
            });
            return Err(Place::Tensor(name).error("the next tensor", next, "this one"));
        };
        check_size(name, &tensor.dims, tensor.size, bytes.len())?;
        self.left.next();
        self.write(bytes)
    }

    /// Writes what is left and flushes.
    ///
    /// # Errors
    /// [`Error::File`] where a declared tensor did not get its bytes; [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        match self.write_known()? {
            None => self.out.flush().map_err(failed),
            Some(tensor) => {
                Err(Place::Tensor(&tensor.name).error("the data", format!("{} bytes", tensor.size), "none yet"))
            }
        }
    }

    /// Writes tensors up to the next one whose bytes are to be given, and returns that.
    fn write_known(&mut self) -> Result<Option<&'w Tensor<'a>>> {
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

//! Reading single tensors of files that are not in memory, by range.

use super::cursor::Location;
use super::entry::TensorEntry;
use super::factors::{Factors, scale_name};
use super::header::Header;
use super::layer::bias_name;
use super::read::Gguf;
use crate::{Error, Linear, Matrix, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes that are read first, and the least that are read next.
const STEP: u64 = 1 << 16;

/// A closure that reads ranges of `reader`, for [`Header::matrix`] and the like.
pub fn ranges<R: Read + Seek>(mut reader: R) -> impl FnMut(Range<u64>) -> io::Result<Vec<u8>> {
    move |range| {
        reader.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        // Grows with the bytes that are read: a file can be shorter than it announces.
        let length = range.end.saturating_sub(range.start);
        reader.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads the start of a file: as many bytes as [`Gguf::parse_header`] needs, up to twice as many.
///
/// # Errors
/// [`Error::Io`], and the errors of [`Gguf::parse`] if the header is invalid.
pub fn read_header(mut reader: impl Read) -> Result<Vec<u8>> {
    let mut prefix = Vec::new();
    let mut wanted = STEP;
    loop {
        let more = wanted - prefix.len() as u64;
        let read = reader.by_ref().take(more).read_to_end(&mut prefix);
        let read = read.map_err(Error::io("reading the header of a GGUF file"))?;
        let error = match Gguf::parse_header(&prefix) {
            Ok(_) => return Ok(prefix),
            Err(error) => error,
        };
        let Error::MoreBytes { needed, .. } = error else {
            return Err(error);
        };
        if (read as u64) < more {
            // This is the whole file, so its own error says more.
            Gguf::parse(&prefix)?;
            return Ok(prefix);
        }
        wanted = needed.max(2 * wanted);
    }
}

/// The headers of a model's parts, and the closure that reads ranges of a part.
pub(super) struct RangeReader<'h, 'a, F> {
    pub parts: &'h [Header<'a>],
    pub read: F,
}

impl<'h, 'a, F: FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>> RangeReader<'h, 'a, F> {
    pub fn matrix(&mut self, name: &str) -> Result<Matrix<'static>> {
        let weights = named(self.parts, name)?;
        let scale = self.beside(scale_name(name))?;
        weights.check_unscaled(as_scale(&scale).as_ref())?;
        weights.packed(self.bytes(weights)?)
    }

    pub fn linear(&mut self, name: &str) -> Result<Linear> {
        let weights = named(self.parts, name)?;
        let matrix = weights.packed(self.bytes(weights)?)?;
        let scale = self.beside(scale_name(name))?;
        let bias = self.beside(bias_name(name))?;
        let bias = bias.as_ref().map(|(bias, data)| (*bias, &data[..]));
        weights.layer(matrix, as_scale(&scale).as_ref(), bias)
    }

    pub fn floats(&mut self, name: &str) -> Result<Vec<f32>> {
        let weights = named(self.parts, name)?;
        let scale = self.beside(scale_name(name))?;
        let data = self.bytes(weights)?;
        weights.scaled_floats(&data, as_scale(&scale).as_ref())
    }

    fn bytes(&mut self, tensor: &TensorEntry) -> Result<Vec<u8>> {
        let failed = Error::io(format!("reading tensor {:?}", tensor.name()));
        let bytes = (self.read)(tensor.part(), tensor.range()).map_err(failed)?;
        match (bytes.len() as u64, tensor.byte_len()) {
            (got, needed) if got == needed => Ok(bytes),
            (got, needed) => Err(Location::Tensor(tensor.name()).error(
                "the data",
                format!("{needed} bytes"),
                format!("{got} bytes"),
            )),
        }
    }

    fn beside(&mut self, name: Option<String>) -> Result<Option<(&'h TensorEntry<'a>, Vec<u8>)>> {
        let found = name.and_then(|name| find(self.parts, &name));
        found.map(|found| Ok((found, self.bytes(found)?))).transpose()
    }
}

fn as_scale<'s>(scale: &'s Option<(&TensorEntry, Vec<u8>)>) -> Option<Factors<'s>> {
    scale.as_ref().map(|(entry, data)| Factors {
        type_id: entry.type_id(),
        data,
    })
}

/// The tensor with this name, in whichever part.
fn find<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Option<&'h TensorEntry<'a>> {
    parts.iter().find_map(|part| part.find(name))
}

pub(super) fn named<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Result<&'h TensorEntry<'a>> {
    find(parts, name).ok_or_else(|| Error::NoTensor {
        name: name.to_owned(),
        count: parts.iter().map(|part| part.tensors().len()).sum(),
    })
}

/// The tensors of a layer: its weights, then its factors and its bias, if any.
pub(super) fn layer<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Result<Vec<&'h TensorEntry<'a>>> {
    let beside = [scale_name(name), bias_name(name)].into_iter().flatten();
    let beside = beside.filter_map(|name| find(parts, &name));
    Ok([named(parts, name)?].into_iter().chain(beside).collect())
}

impl<'a> Header<'a> {
    /// The tensor with this name as a matrix. `read` returns the bytes of a range of the file: see [`ranges`] for
    /// readers, and [`TensorView::matrix`](super::TensorView::matrix).
    ///
    /// ```no_run
    /// use lowbit::gguf::{ranges, read_header, Gguf};
    ///
    /// let mut file = std::fs::File::open("model.gguf")?;
    /// let prefix = read_header(&mut file)?;
    /// let header = Gguf::parse_header(&prefix)?;
    /// let matrix = header.matrix("token_embd.weight", ranges(&mut file))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoTensor`], [`Error::Io`] if `read` fails, [`Error::File`] if it gives too few
    /// bytes or too many, and the errors of `TensorView::matrix`.
    pub fn matrix(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Matrix<'static>> {
        self.source(read).matrix(name)
    }

    /// The layer with this name, as [`Gguf::linear`] has it, out of the ranges of the tensors in
    /// [`layer`](Header::layer). All of them must be in this file: see [`SplitHeader`](super::SplitHeader)
    /// for parts.
    ///
    /// # Errors
    /// The errors of [`matrix`](Header::matrix) and of `Gguf::linear`.
    pub fn linear(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Linear> {
        self.source(read).linear(name)
    }

    /// The numbers of the tensor of this name: see [`TensorView::to_f32`](super::TensorView::to_f32).
    ///
    /// # Errors
    /// The errors of [`matrix`](Header::matrix) and of `TensorView::to_f32`.
    pub fn to_f32(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Vec<f32>> {
        self.source(read).floats(name)
    }

    /// The tensors that the layer with the weights `name` is read from, to fetch them in advance: the weights, then the
    /// factors and the bias, if any.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn layer(&self, name: &str) -> Result<Vec<&TensorEntry<'a>>> {
        layer(std::slice::from_ref(self), name)
    }

    fn source(
        &self,
        mut read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>,
    ) -> RangeReader<'_, 'a, impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>> {
        RangeReader {
            parts: std::slice::from_ref(self),
            read: move |_, range| read(range),
        }
    }
}

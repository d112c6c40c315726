//! Tensors out of files that are not in memory: their ranges are asked for, and nothing else.

use super::cursor::Place;
use super::layer::bias_name;
use super::scale::{Scale, scale_name};
use super::{Gguf, Header, TensorEntry};
use crate::{Error, Linear, Matrix, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// The first bytes of a file that are asked for, and the fewest that are added to them.
const STEP: u64 = 1 << 16;

/// The ranges of `reader`, for [`Header::matrix`] and its like.
pub fn ranges<R: Read + Seek>(mut reader: R) -> impl FnMut(Range<u64>) -> io::Result<Vec<u8>> {
    move |range| {
        reader.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        // Grows with what is there: a file may be shorter than it says.
        let length = range.end.saturating_sub(range.start);
        reader.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads as much of a file as [`Gguf::parse_header`] needs, and at most twice as much.
///
/// # Errors
/// [`Error::Io`]; those of [`Gguf::parse`] where there is no header that can be read.
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
            // The file is whole, and the same is wrong with it.
            Gguf::parse(&prefix)?;
            return Ok(prefix);
        }
        wanted = needed.max(2 * wanted);
    }
}

/// The tables of a model's parts, and what gives the bytes of a range of a part.
pub(super) struct Source<'h, 'a, F> {
    pub parts: &'h [Header<'a>],
    pub read: F,
}

/// A tensor, and the part that it is in.
type Found<'h, 'a> = (usize, &'h TensorEntry<'a>);

impl<'h, 'a, F: FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>> Source<'h, 'a, F> {
    pub fn matrix(&mut self, name: &str) -> Result<Matrix<'static>> {
        let weights = named(self.parts, name)?;
        let scale = self.beside(scale_name(name))?;
        weights.1.check_unscaled(as_scale(&scale).as_ref())?;
        weights.1.packed(self.bytes(weights)?)
    }

    pub fn linear(&mut self, name: &str) -> Result<Linear> {
        let weights = named(self.parts, name)?;
        let matrix = weights.1.packed(self.bytes(weights)?)?;
        let scale = self.beside(scale_name(name))?;
        let bias = self.beside(bias_name(name))?;
        let bias = bias.as_ref().map(|(bias, data)| (*bias, &data[..]));
        weights.1.layer(matrix, as_scale(&scale).as_ref(), bias)
    }

    pub fn floats(&mut self, name: &str) -> Result<Vec<f32>> {
        let weights = named(self.parts, name)?;
        let scale = self.beside(scale_name(name))?;
        let data = self.bytes(weights)?;
        weights.1.scaled_floats(&data, as_scale(&scale).as_ref())
    }

    fn bytes(&mut self, (part, tensor): Found) -> Result<Vec<u8>> {
        let failed = Error::io(format!("reading tensor {:?}", tensor.name()));
        let bytes = (self.read)(part, tensor.range()).map_err(failed)?;
        match (bytes.len() as u64, tensor.byte_len()) {
            (got, needed) if got == needed => Ok(bytes),
            (got, needed) => {
                Err(Place::Tensor(tensor.name()).error("the data", format!("{needed} bytes"), format!("{got} bytes")))
            }
        }
    }

    fn beside(&mut self, name: Option<String>) -> Result<Option<(&'h TensorEntry<'a>, Vec<u8>)>> {
        let found = name.and_then(|name| find(self.parts, &name));
        found.map(|found| Ok((found.1, self.bytes(found)?))).transpose()
    }
}

fn as_scale<'s>(scale: &'s Option<(&TensorEntry, Vec<u8>)>) -> Option<Scale<'s>> {
    scale.as_ref().map(|(entry, data)| Scale {
        type_id: entry.type_id(),
        data,
    })
}

/// The tensor of this name, in whichever part.
pub(super) fn find<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Option<Found<'h, 'a>> {
    let found = |(no, part): (usize, &'h Header<'a>)| Some((no, part.tensor(name)?));
    parts.iter().enumerate().find_map(found)
}

fn named<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Result<Found<'h, 'a>> {
    find(parts, name).ok_or_else(|| Error::NoTensor {
        name: name.to_owned(),
        count: parts.iter().map(|part| part.tensors().len()).sum(),
    })
}

/// The tensors that a layer is read from: its weights, then its factors and its bias if there are.
pub(super) fn layer<'h, 'a>(parts: &'h [Header<'a>], name: &str) -> Result<Vec<Found<'h, 'a>>> {
    let beside = [scale_name(name), bias_name(name)].into_iter().flatten();
    let beside = beside.filter_map(|name| find(parts, &name));
    Ok([named(parts, name)?].into_iter().chain(beside).collect())
}

impl<'a> Header<'a> {
    /// The tensor of this name as a matrix, out of the bytes that `read` gives for a range of the
    /// file: see [`ranges`] for files, and [`TensorInfo::matrix`](super::TensorInfo::matrix).
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
    /// [`Error::NoTensor`], [`Error::Io`] where `read` fails, [`Error::File`] where it gives too few
    /// bytes or too many, and those of `TensorInfo::matrix`.
    pub fn matrix(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Matrix<'static>> {
        self.source(read).matrix(name)
    }

    /// The layer of this name, as [`Gguf::linear`] has it, out of the ranges of the tensors in
    /// [`layer`](Header::layer). All of them must be in this file: see [`SplitHeader`](super::SplitHeader)
    /// for parts.
    ///
    /// # Errors
    /// Those of [`matrix`](Header::matrix) and of `Gguf::linear`.
    pub fn linear(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Linear> {
        self.source(read).linear(name)
    }

    /// The numbers of the tensor of this name: see [`TensorInfo::to_f32`](super::TensorInfo::to_f32).
    ///
    /// # Errors
    /// Those of [`matrix`](Header::matrix) and of `TensorInfo::to_f32`.
    pub fn to_f32(&self, name: &str, read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>) -> Result<Vec<f32>> {
        self.source(read).floats(name)
    }

    /// The tensors that the layer of this name is read from, so that they can be fetched beforehand: its
    /// weights first, then its factors and its bias if it has any.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn layer(&self, name: &str) -> Result<Vec<&TensorEntry<'a>>> {
        let found = layer(std::slice::from_ref(self), name)?;
        Ok(found.into_iter().map(|(_, tensor)| tensor).collect())
    }

    fn source(
        &self,
        mut read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>,
    ) -> Source<'_, 'a, impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>> {
        Source {
            parts: std::slice::from_ref(self),
            read: move |_, range| read(range),
        }
    }
}

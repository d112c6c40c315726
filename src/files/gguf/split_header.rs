//! The headers of a model in several files.

use super::fetch::{Source, find, layer};
use super::split::check_parts;
use super::{Header, TensorEntry};
use crate::{Linear, Matrix, Result};
use std::io;
use std::ops::Range;

/// The headers of the parts of a model, of which no data is in memory: see [`Split`](super::Split), and
/// [`Gguf::parse_header`](super::Gguf::parse_header) for each of them.
///
/// Tensors are read by a closure that is given the number of a part, from 0, and a range of its bytes.
#[derive(Clone, Debug)]
pub struct SplitHeader<'a> {
    parts: Vec<Header<'a>>,
}

impl<'a> SplitHeader<'a> {
    /// Takes the headers of all parts, in order. A file that is no part is a model of one.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Duplicate`](crate::Error::Duplicate), as for [`Split::parse`](super::Split::parse).
    pub fn new(parts: Vec<Header<'a>>) -> Result<SplitHeader<'a>> {
        let keys: Vec<_> = parts.iter().map(|part| &part.keys).collect();
        let entries = parts.iter().map(|part| part.tensors().iter());
        check_parts(&keys, entries)?;
        Ok(SplitHeader { parts })
    }

    /// The headers, at least one.
    pub fn parts(&self) -> &[Header<'a>] {
        &self.parts
    }

    /// The tensors of all parts in order, each with the number of its part.
    pub fn tensors(&self) -> impl Iterator<Item = (usize, &TensorEntry<'a>)> {
        let parts = self.parts.iter().enumerate();
        parts.flat_map(|(no, part)| part.tensors().iter().map(move |tensor| (no, tensor)))
    }

    /// The tensor of this name, with the number of its part.
    pub fn tensor(&self, name: &str) -> Option<(usize, &TensorEntry<'a>)> {
        find(&self.parts, name)
    }

    /// As [`Header::layer`], of all parts.
    ///
    /// # Errors
    /// [`Error::NoTensor`](crate::Error::NoTensor).
    pub fn layer(&self, name: &str) -> Result<Vec<(usize, &TensorEntry<'a>)>> {
        layer(&self.parts, name)
    }

    /// As [`Header::matrix`].
    ///
    /// # Errors
    /// Those of `Header::matrix`.
    pub fn matrix(
        &self,
        name: &str,
        read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>,
    ) -> Result<Matrix<'static>> {
        self.source(read).matrix(name)
    }

    /// As [`Header::linear`]; weights, factors and bias may lie in different parts.
    ///
    /// # Errors
    /// Those of `Header::linear`.
    pub fn linear(&self, name: &str, read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>) -> Result<Linear> {
        self.source(read).linear(name)
    }

    /// As [`Header::to_f32`].
    ///
    /// # Errors
    /// Those of `Header::to_f32`.
    pub fn to_f32(&self, name: &str, read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>) -> Result<Vec<f32>> {
        self.source(read).floats(name)
    }

    fn source<F>(&self, read: F) -> Source<'_, 'a, F> {
        let parts = &self.parts;
        Source { parts, read }
    }
}

//! The headers of a model that spans several files.

use super::entry::TensorEntry;
use super::fetch::{RangeReader, layer, named};
use super::header::Header;
use super::key::Key;
use super::split::{check_parts, of_model};
use crate::{Linear, Matrix, Result};
use std::io;
use std::ops::Range;

/// The headers of a model's parts without their data: see [`Split`](super::Split), and
/// [`Gguf::parse_header`](super::Gguf::parse_header) for each part.
///
/// Tensors are read by a closure that takes the number of a part, from 0, and a range of its bytes.
#[derive(Clone, Debug)]
pub struct SplitHeader<'a> {
    parts: Vec<Header<'a>>,
    metadata: Vec<Key<'a>>,
    /// Those of all parts.
    tensors: Vec<TensorEntry<'a>>,
}

impl<'a> SplitHeader<'a> {
    /// Takes the headers of all parts, in order. A single file that is not a part is a model of one part.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Duplicate`](crate::Error::Duplicate), as for [`Split::parse`](super::Split::parse).
    pub fn new(mut parts: Vec<Header<'a>>) -> Result<SplitHeader<'a>> {
        let keys: Vec<_> = parts.iter().map(|part| &part.keys).collect();
        let entries = parts.iter().map(|part| part.tensors().iter());
        check_parts(&keys, entries)?;
        for (no, part) in parts.iter_mut().enumerate() {
            part.tensors.iter_mut().for_each(|tensor| tensor.part = no);
        }
        let tensors = parts.iter().flat_map(|part| part.tensors());
        Ok(SplitHeader {
            metadata: of_model(parts[0].metadata()),
            tensors: tensors.cloned().collect(),
            parts,
        })
    }

    /// The headers, at least one.
    pub fn parts(&self) -> &[Header<'a>] {
        &self.parts
    }

    /// The model's keys: those of the first part, without those that describe the split.
    pub fn metadata(&self) -> &[Key<'a>] {
        &self.metadata
    }

    /// The key with this name, of the first part.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.parts[0].get(key)
    }

    /// The tensors of all parts, in order; [`TensorEntry::part`] is the part of each.
    pub fn tensors(&self) -> &[TensorEntry<'a>] {
        &self.tensors
    }

    /// The tensor with this name, in any part.
    ///
    /// # Errors
    /// [`Error::NoTensor`](crate::Error::NoTensor).
    pub fn tensor(&self, name: &str) -> Result<&TensorEntry<'a>> {
        named(&self.parts, name)
    }

    /// Like [`Header::layer`], over all parts.
    ///
    /// # Errors
    /// [`Error::NoTensor`](crate::Error::NoTensor).
    pub fn layer(&self, name: &str) -> Result<Vec<&TensorEntry<'a>>> {
        layer(&self.parts, name)
    }

    /// Like [`Header::matrix`].
    ///
    /// # Errors
    /// The errors of `Header::matrix`.
    pub fn matrix(
        &self,
        name: &str,
        read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>,
    ) -> Result<Matrix<'static>> {
        self.source(read).matrix(name)
    }

    /// Like [`Header::linear`]; weights, factors and bias can lie in different parts.
    ///
    /// # Errors
    /// The errors of `Header::linear`.
    pub fn linear(&self, name: &str, read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>) -> Result<Linear> {
        self.source(read).linear(name)
    }

    /// Like [`Header::to_f32`].
    ///
    /// # Errors
    /// The errors of `Header::to_f32`.
    pub fn to_f32(&self, name: &str, read: impl FnMut(usize, Range<u64>) -> io::Result<Vec<u8>>) -> Result<Vec<f32>> {
        self.source(read).floats(name)
    }

    fn source<F>(&self, read: F) -> RangeReader<'_, 'a, F> {
        let parts = &self.parts;
        RangeReader { parts, read }
    }
}

//! A GGUF file in memory.

use super::cursor::{Cursor, Place};
use super::header::wants_more;
use super::key::Keys;
use super::layer::bias_name;
use super::scale::{Scale, scale_name};
use super::{Header, Key, TensorInfo};
use crate::{Error, Linear, Matrix, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// A parsed file. Tensors are borrowed from the bytes it was parsed from.
#[derive(Clone, Debug)]
pub struct Gguf<'a> {
    version: u32,
    alignment: u32,
    pub(super) keys: Keys<'a>,
    pub(super) tensors: Vec<TensorInfo<'a>>,
    names: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Gguf<'a> {
    /// Parses a file. The bytes may be a memory map: only what comes before the data is touched.
    ///
    /// # Errors
    /// [`Error::Truncated`] where the file ends early, [`Error::File`] for whatever else
    /// llama.cpp would refuse, [`Error::Duplicate`] for a key or tensor that is there twice.
    pub fn parse(bytes: &'a [u8]) -> Result<Gguf<'a>> {
        let mut file = Cursor::new(bytes);
        let mut header = Header::read(&mut file)?;
        let data = match data(&header, file.clone()) {
            Ok(data) => data,
            // Only where the file fits no other way: its sizes may be those of the older Q2_0.
            Err(error) => {
                header = header.older_q2_0().ok_or(error.clone())?;
                data(&header, file).map_err(|_| error)?
            }
        };
        let tensors = header.tensors.into_iter().zip(data);
        let mut parsed = Gguf {
            version: header.version,
            alignment: header.alignment,
            keys: header.keys,
            tensors: tensors
                .map(|(entry, data)| TensorInfo {
                    entry,
                    data,
                    scale: None,
                })
                .collect(),
            names: header.names,
        };
        for at in 0..parsed.tensors.len() {
            let scale = scale_name(parsed.tensors[at].name());
            let scale = scale.and_then(|name| parsed.tensor(&name)).map(Scale::of);
            parsed.tensors[at].scale = scale;
        }
        Ok(parsed)
    }

    /// Parses what comes before the data: `prefix` is the start of a file, of any length that has all
    /// keys and the table of tensors in it. That is what a range request, or a browser, can do with.
    ///
    /// ```
    /// # use lowbit::{gguf::{Gguf, Writer}, Error};
    /// # let mut writer = Writer::new();
    /// # writer.tensor("a", &[4], 0, vec![0; 16])?;
    /// # let file = writer.to_bytes()?;
    /// # let fetch = |range: std::ops::Range<usize>| file[range.start..range.end.min(file.len())].to_vec();
    /// let mut prefix = fetch(0..16);
    /// let header = loop {
    ///     match Gguf::parse_header(&prefix) {
    ///         // Not `needed` alone: what it is needed for may say that more is to come.
    ///         Err(Error::MoreBytes { needed, .. }) if needed <= file.len() as u64 => {
    ///             prefix = fetch(0..2 * needed as usize);
    ///         }
    ///         other => break other?,
    ///     }
    /// };
    /// let tensor = header.tensor("a").unwrap();
    /// let bytes = fetch(tensor.range().start as usize..tensor.range().end as usize);
    /// assert_eq!(tensor.packed(bytes)?.k(), 4);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// A file whose only tensor of type Q2_0 is the last is taken to be of the type's present form: its
    /// length would tell.
    ///
    /// # Errors
    /// [`Error::MoreBytes`] where the prefix is too short, with a length that is certainly needed; one
    /// longer than the file says that the file is broken. Else those of [`parse`](Gguf::parse).
    pub fn parse_header(prefix: &'a [u8]) -> Result<Header<'a>> {
        Header::read(&mut Cursor::new(prefix)).map_err(|e| wants_more(e, prefix.len()))
    }

    /// The version of the container, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Tensors start at multiples of this many bytes.
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// All keys, in the file's order.
    pub fn metadata(&self) -> &[Key<'a>] {
        &self.keys.list
    }

    /// The key of this name.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.keys.get(key)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }

    /// The bytes of a tensor, without padding.
    pub fn data(&self, tensor: &TensorInfo<'a>) -> &'a [u8] {
        tensor.data
    }

    /// The tensor of this name as a matrix over the file's own bytes: see [`TensorInfo::matrix`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and those of `TensorInfo::matrix`.
    pub fn matrix(&self, name: &str) -> Result<Matrix<'a>> {
        self.named(name)?.matrix()
    }

    /// The layer whose weights are `name`, copied out of the file: the matrix, its
    /// [factors](TensorInfo::factors) (`X.scale` beside `X.weight`; of stacked experts one for the rows of
    /// each), and its bias (`X.bias`).
    ///
    /// # Errors
    /// Those of [`TensorInfo::packed`] and of `factors`; [`Error::InTensor`] where the bias does not fit.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let bias = bias_name(name).and_then(|name| self.tensor(&name));
        self.named(name)?.linear(bias)
    }

    /// The numbers of the tensor of this name, converted or decoded: see [`TensorInfo::to_f32`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and those of `TensorInfo::to_f32`.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.named(name)?.to_f32()
    }

    fn named(&self, name: &str) -> Result<&TensorInfo<'a>> {
        self.tensor(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }
}

/// The bytes of each tensor, `file` standing at the end of the header.
fn data<'a>(header: &Header, mut file: Cursor<'a>) -> Result<Vec<&'a [u8]>> {
    let mut data = Vec::with_capacity(header.tensors.len());
    for tensor in &header.tensors {
        let place = Place::Tensor(tensor.name());
        // Tensors follow each other, so that it is not before the end of the last.
        let padding = tensor.range().start - file.position();
        file.take(padding, place, "the padding before the data")?;
        data.push(file.take(tensor.byte_len(), place, "the data")?);
    }
    Ok(data)
}

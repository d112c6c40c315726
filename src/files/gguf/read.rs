//! A GGUF file in memory.

use super::cursor::{Cursor, Location};
use super::factors::scale_name;
use super::header::{Header, wants_more};
use super::key::{Key, Keys};
use super::layer::bias_name;
use super::tensor::TensorView;
use crate::{Error, Linear, Matrix, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// A parsed file. Its tensors borrow the bytes that it was parsed from.
#[derive(Clone, Debug)]
pub struct Gguf<'a> {
    version: u32,
    alignment: u32,
    pub(super) keys: Keys<'a>,
    pub(super) tensors: Vec<TensorView<'a>>,
    names: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Gguf<'a> {
    /// Parses a file. The bytes can be a memory map: only the header is read.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the file ends early, [`Error::Duplicate`] for a key or tensor that occurs twice,
    /// [`Error::File`] for everything else that llama.cpp refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Gguf<'a>> {
        let mut file = Cursor::new(bytes);
        let mut header = Header::read(&mut file)?;
        let data = match data(&header, file.clone()) {
            Ok(data) => data,
            // The file is invalid as it is: its sizes can be those of the older Q2_0.
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
                .map(|(entry, data)| TensorView {
                    entry,
                    data,
                    scale: None,
                })
                .collect(),
            names: header.names,
        };
        for at in 0..parsed.tensors.len() {
            let scale = scale_name(parsed.tensors[at].name());
            let scale = scale.and_then(|name| parsed.find(&name)).map(TensorView::as_factors);
            parsed.tensors[at].scale = scale;
        }
        Ok(parsed)
    }

    /// Parses the header: `prefix` is the start of a file, long enough to hold all keys and the table of tensors. A
    /// program that reads a file by range requests needs no more to locate its tensors.
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
    ///         // Twice `needed`, which covers only the next field.
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
    /// If the only tensor of type Q2_0 is the last, it is read in the type's present form: only the length of the file
    /// tells it from the older one.
    ///
    /// # Errors
    /// [`Error::MoreBytes`] if the prefix is too short, with a length that is certainly required; if that is more than
    /// the file has, the file is broken. Otherwise the errors of [`parse`](Gguf::parse).
    pub fn parse_header(prefix: &'a [u8]) -> Result<Header<'a>> {
        Header::read(&mut Cursor::new(prefix)).map_err(|e| wants_more(e, prefix.len()))
    }

    /// The version of the container, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Tensors start at multiples of this number of bytes.
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// All keys, in the file's order.
    pub fn metadata(&self) -> &[Key<'a>] {
        &self.keys.list
    }

    /// The key with this name.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.keys.get(key)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorView<'a>] {
        &self.tensors
    }

    /// The tensor with this name.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorView<'a>> {
        self.find(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }

    /// The tensor with this name as a matrix over the file's own bytes: see [`TensorView::matrix`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and the errors of `TensorView::matrix`.
    pub fn matrix(&self, name: &str) -> Result<Matrix<'a>> {
        self.tensor(name)?.matrix()
    }

    /// The layer with the weights `name`, copied out of the file: the matrix, its [factors](TensorView::factors)
    /// (`X.scale` for `X.weight`, one for the rows of each stacked expert), and its bias (`X.bias`).
    ///
    /// # Errors
    /// The errors of [`TensorView::packed`] and of `factors`; [`Error::InTensor`] if the bias does not fit.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let bias = bias_name(name).and_then(|name| self.find(&name));
        self.tensor(name)?.linear(bias)
    }

    /// The numbers of the tensor of this name, converted or decoded: see [`TensorView::to_f32`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and the errors of `TensorView::to_f32`.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.to_f32()
    }

    fn find(&self, name: &str) -> Option<&TensorView<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }
}

/// The bytes of each tensor, `file` standing at the end of the header.
fn data<'a>(header: &Header, mut file: Cursor<'a>) -> Result<Vec<&'a [u8]>> {
    let mut data = Vec::with_capacity(header.tensors.len());
    for tensor in &header.tensors {
        let place = Location::Tensor(tensor.name());
        // Tensors follow each other, so this does not underflow.
        let padding = tensor.range().start - file.position();
        file.take(padding, place, "the padding before the data")?;
        data.push(file.take(tensor.byte_len(), place, "the data")?);
    }
    Ok(data)
}

//! A tensor to be written: its name, shape and type in llama.cpp, and where its bytes come from.

use crate::model::{Fallible, Tensor};
use lowbit::gguf::TensorType;
use std::borrow::Cow;

/// Where bytes come from. They are put together when a tensor is encoded, and not before.
pub enum Source<'a> {
    /// As they lie in the file.
    Whole(&'a [u8]),
    /// Rows of so many heads, each of two halves, to be neighbours in pairs.
    Halves(&'a [u8], u64),
    /// Runs of several tensors, or of one, end to end.
    Runs(Vec<&'a [u8]>),
    /// No file has them.
    Made(Vec<u8>),
}

pub struct Sourced<'a> {
    pub name: String,
    /// In ggml's order, the row length k first.
    pub dims: Vec<u64>,
    pub kind: TensorType,
    pub source: Source<'a>,
}

impl<'a> Sourced<'a> {
    pub fn whole(tensor: Tensor<'a>) -> Sourced<'a> {
        Sourced {
            name: tensor.name,
            dims: tensor.dims,
            kind: tensor.kind,
            source: Source::Whole(tensor.data),
        }
    }

    pub fn count(&self) -> u64 {
        self.dims.iter().product()
    }

    /// Bytes before it is encoded.
    pub fn size(&self) -> u64 {
        self.count() / self.kind.block * self.kind.bytes
    }

    pub fn bytes(&self) -> Fallible<Cow<'_, [u8]>> {
        Ok(match &self.source {
            Source::Whole(bytes) => Cow::Borrowed(bytes),
            Source::Made(bytes) => Cow::Borrowed(bytes),
            Source::Runs(runs) => Cow::Owned(runs.concat()),
            Source::Halves(bytes, heads) => Cow::Owned(self.interleaved(bytes, *heads)?),
        })
    }

    /// Rows of q and k that Hugging Face orders for rotating halves, in the order of neighbours that llama.cpp's
    /// `llama` rotates: within each head, row `i` of the first half then row `i` of the second. A bias has rows of
    /// one number.
    fn interleaved(&self, bytes: &[u8], heads: u64) -> Fallible<Vec<u8>> {
        let rows = match self.dims[..] {
            [n] => n,
            _ => self.dims.iter().skip(1).product(),
        };
        if heads == 0 || !rows.is_multiple_of(2 * heads) {
            let name = &self.name;
            return Err(format!("{name}: {rows} rows are not two halves of {heads} heads").into());
        }
        let row_bytes = bytes.len() / usize::try_from(rows)?;
        let half = usize::try_from(rows / heads / 2)?;
        let mut out = Vec::with_capacity(bytes.len());
        for head in bytes.chunks(2 * half * row_bytes) {
            for i in 0..half {
                for row in [i, half + i] {
                    out.extend_from_slice(&head[row * row_bytes..][..row_bytes]);
                }
            }
        }
        Ok(out)
    }
}

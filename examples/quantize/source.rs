//! A tensor to write: its name, shape and type in llama.cpp, and the source of its bytes.

use crate::model::{Fallible, Tensor};
use lowbit::gguf::TensorType;
use std::borrow::Cow;

/// The source of bytes, which are assembled only when a tensor is encoded.
pub enum Source<'a> {
    /// Unchanged bytes of a file.
    Whole(&'a [u8]),
    /// Rows of this many heads, each of two halves whose rows are to be interleaved.
    Halves(&'a [u8], u64),
    /// Runs of bytes of one tensor or several, concatenated.
    Runs(Vec<&'a [u8]>),
    /// Computed bytes.
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

    /// Bytes before encoding.
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

    /// Reorders rows of q and k from Hugging Face's rotation of halves to llama.cpp's rotation of neighbours: within
    /// each head, row `i` of the first half, then row `i` of the second. A bias has rows of one number.
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

//! One entry of the table of tensors: what a file says of a tensor before any of its bytes.

use super::cursor::{Cursor, Place};
use super::key::{check_new, shown};
use super::types::{check_dims, tensor_bytes};
use super::{MAX_DIMS, TensorType};
use crate::{Format, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Name, shape and type of a tensor, and where in the file its bytes lie.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorEntry<'a> {
    name: Cow<'a, str>,
    dims: [u64; MAX_DIMS as usize],
    n_dims: usize,
    type_id: u32,
    offset: u64,
    bytes: u64,
    /// Where the data section starts, from the start of the file.
    pub(super) data_start: u64,
    /// Of type Q2_0, but with blocks of 128: see `take_older_q2_0`.
    older_q2_0: bool,
}

impl<'a> TensorEntry<'a> {
    /// The name, unique in its file. It ends before the first NUL, as it does for llama.cpp; bytes of
    /// it that are not UTF-8 are written out, as `\xff`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape in ggml's order, none to four numbers: the first is the length k of a row, which is
    /// contiguous.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.n_dims]
    }

    /// Rows of `dims()[0]`: the product of the other dimensions, 1 if there are none.
    pub fn rows(&self) -> u64 {
        self.dims[1..].iter().product()
    }

    /// Matrices of `dims()[0]` by `dims()[1]`, of which a stack of experts has several.
    pub(super) fn matrices(&self) -> u64 {
        self.dims[2..].iter().product()
    }

    /// The id of the tensor's type: see [`TENSOR_TYPES`](super::TENSOR_TYPES).
    pub fn type_id(&self) -> u32 {
        self.type_id
    }

    /// Where the tensor starts, in bytes from the start of the data section.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes that the tensor takes, without padding.
    pub fn byte_len(&self) -> u64 {
        self.bytes
    }

    /// Which bytes of the file are the tensor's.
    pub fn range(&self) -> Range<u64> {
        // The end was compared with the largest possible.
        let start = self.data_start + self.offset;
        start..start + self.bytes
    }

    /// The format, where lowbit decodes this type.
    pub fn format(&self) -> Option<Format> {
        if self.older_q2_0 {
            Some(Format::Q2_0_G128)
        } else {
            Format::from_gguf(self.type_id)
        }
    }

    /// Takes a tensor of type Q2_0 for what PrismML's older files have under the same id: blocks of
    /// 128 weights in 34 bytes. None where it is of another type, or cannot be that.
    pub(super) fn take_older_q2_0(&mut self) -> Option<()> {
        let older = Format::Q2_0_G128;
        let (block, bytes) = (older.block_len()? as u64, older.block_bytes()? as u64);
        if self.type_id != TensorType::Q2_0.id || !self.dims[0].is_multiple_of(block) {
            return None;
        }
        // Smaller than what was already checked.
        self.bytes = self.dims[0] / block * self.rows() * bytes;
        self.older_q2_0 = true;
        Some(())
    }

    /// Reads an entry, and notes in `places` where it is.
    pub(super) fn read(
        file: &mut Cursor<'a>,
        index: usize,
        places: &mut HashMap<Cow<'a, str>, usize>,
    ) -> Result<TensorEntry<'a>> {
        let raw = file.text(Place::TensorAt(index as u64), "the name")?;
        let name = shown(raw);
        let place = Place::Tensor(&name);
        check_new(places, place, raw, name.clone(), index)?;
        let n_dims = file.u32(place, "the number of dimensions")?;
        check_dims(place, n_dims)?;
        let mut dims = [1; MAX_DIMS as usize];
        for size in &mut dims[..n_dims as usize] {
            *size = file.u64(place, "the shape")?;
        }
        let type_id = file.u32(place, "the type id")?;
        let offset = file.u64(place, "the offset")?;
        let bytes = tensor_bytes(place, &dims[..n_dims as usize], type_id)?;
        Ok(TensorEntry {
            name,
            dims,
            n_dims: n_dims as usize,
            type_id,
            offset,
            bytes,
            data_start: 0,
            older_q2_0: false,
        })
    }

    /// The name, to be kept elsewhere.
    pub(super) fn key(&self) -> Cow<'a, str> {
        self.name.clone()
    }
}

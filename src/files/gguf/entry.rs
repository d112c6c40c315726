//! One entry of the table of tensors in a header.

use super::container::MAX_DIMS;
use super::cursor::{Cursor, Location};
use super::key::{check_new, shown};
use super::types::{TensorType, check_dims, tensor_bytes};
use crate::{Format, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Name, shape and type of a tensor, and the range of its bytes in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorEntry<'a> {
    name: Cow<'a, str>,
    dims: [u64; MAX_DIMS as usize],
    n_dims: usize,
    type_id: u32,
    offset: u64,
    bytes: u64,
    /// The part of a split model that the tensor lies in, from 0.
    pub(super) part: usize,
    /// Start of the data section, in bytes from the start of the file.
    pub(super) data_start: u64,
    /// Whether the type is Q2_0 with blocks of 128: see `take_older_q2_0`.
    older_q2_0: bool,
}

impl<'a> TensorEntry<'a> {
    /// The name, unique in its file, up to the first NUL as in llama.cpp. Bytes that are not UTF-8 are escaped:
    /// `\xff`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape in ggml's order, with up to four dimensions. The first is the length k of a contiguous row.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.n_dims]
    }

    /// The number of rows: the product of all dimensions but the first, 1 if there are none.
    pub fn rows(&self) -> u64 {
        self.dims[1..].iter().product()
    }

    /// The number of matrices of `dims()[0]` by `dims()[1]`: more than 1 for stacked experts.
    pub(super) fn matrices(&self) -> u64 {
        self.dims[2..].iter().product()
    }

    /// The id of the tensor's type: see [`TENSOR_TYPES`](super::TENSOR_TYPES).
    pub fn type_id(&self) -> u32 {
        self.type_id
    }

    /// The part that the tensor lies in, from 0, in a model of several files; 0 in a single file.
    pub fn part(&self) -> usize {
        self.part
    }

    /// Start of the tensor, in bytes from the start of the data section.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the tensor, without padding.
    pub fn byte_len(&self) -> u64 {
        self.bytes
    }

    /// The range of the tensor's bytes in the file.
    pub fn range(&self) -> Range<u64> {
        // `Header::read` has checked that this does not overflow.
        let start = self.data_start + self.offset;
        start..start + self.bytes
    }

    /// The format, if lowbit decodes this type.
    pub fn format(&self) -> Option<Format> {
        if self.older_q2_0 {
            Some(Format::Q2_0_G128)
        } else {
            Format::from_gguf(self.type_id)
        }
    }

    /// Reads a tensor of type Q2_0 as PrismML's older files use the same id: blocks of 128 weights in 34 bytes. `None`
    /// if it has another type, or its rows are not whole blocks.
    pub(super) fn take_older_q2_0(&mut self) -> Option<()> {
        let older = Format::Q2_0_G128;
        let (block, bytes) = (older.block_len()? as u64, older.block_bytes()? as u64);
        if self.type_id != TensorType::Q2_0.id || !self.dims[0].is_multiple_of(block) {
            return None;
        }
        // Smaller than the size that was checked before.
        self.bytes = self.dims[0] / block * self.rows() * bytes;
        self.older_q2_0 = true;
        Some(())
    }

    /// Reads an entry and registers it in `places`.
    pub(super) fn read(
        file: &mut Cursor<'a>,
        index: usize,
        places: &mut HashMap<Cow<'a, str>, usize>,
    ) -> Result<TensorEntry<'a>> {
        let raw = file.text(Location::TensorAt(index as u64), "the name")?;
        let name = shown(raw);
        let place = Location::Tensor(&name);
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
            part: 0,
            data_start: 0,
            older_q2_0: false,
        })
    }

    /// The name as a map key.
    pub(super) fn key(&self) -> Cow<'a, str> {
        self.name.clone()
    }
}

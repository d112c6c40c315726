//! One entry of the list of tensors.

use super::cursor::{Cursor, Place};
use super::types::{check_dims, tensor_bytes};
use super::{TensorType, MAX_DIMS};
use crate::{Format, Result};
use std::fmt;

/// One tensor of a file: name, shape, type, and where its bytes lie.
#[derive(Clone, PartialEq)]
pub struct TensorInfo<'a> {
    name: &'a str,
    pub(super) dims: [u64; MAX_DIMS as usize],
    n_dims: usize,
    pub(super) type_id: u32,
    offset: u64,
    bytes: u64,
    /// Of type Q2_0, but with blocks of 128: see `take_older_q2_0`.
    older_q2_0: bool,
    pub(super) data: &'a [u8],
}

/// Without the data, which may be gigabytes.
impl fmt::Debug for TensorInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorInfo")
            .field("name", &self.name)
            .field("dims", &self.dims())
            .field("type_id", &self.type_id)
            .field("offset", &self.offset)
            .field("bytes", &self.bytes)
            .finish()
    }
}

impl<'a> TensorInfo<'a> {
    /// The name, unique in its file.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The shape in ggml's order, none to four numbers: the first is the length k of a row, which is
    /// contiguous.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.n_dims]
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

    /// The format, where lowbit decodes this type.
    pub fn format(&self) -> Option<Format> {
        match self.older_q2_0 {
            true => Some(Format::Q2_0_G128),
            false => Format::from_gguf(self.type_id),
        }
    }

    /// Reads a tensor of type Q2_0 as PrismML's older files have it, under the same id: blocks of 128
    /// weights in 34 bytes. None where it is of another type, or cannot be that.
    pub(super) fn take_older_q2_0(&mut self) -> Option<()> {
        let older = Format::Q2_0_G128;
        let (block, bytes) = (older.block_len() as u64, older.block_bytes() as u64);
        if self.type_id != TensorType::Q2_0.id || !self.dims[0].is_multiple_of(block) {
            return None;
        }
        // Smaller than what was already checked.
        let rows = self.dims[1] * self.dims[2] * self.dims[3];
        self.bytes = self.dims[0] / block * rows * bytes;
        self.older_q2_0 = true;
        Some(())
    }

    /// Reads a tensor's entry. Where its data lies follows from all entries before it.
    pub(super) fn read(file: &mut Cursor<'a>, index: u64) -> Result<TensorInfo<'a>> {
        let name = file.name(Place::TensorAt(index), "the name")?;
        let place = Place::Tensor(name);
        let n_dims = file.u32(place, "the number of dimensions")?;
        check_dims(place, n_dims)?;
        let mut dims = [1; MAX_DIMS as usize];
        for size in &mut dims[..n_dims as usize] {
            *size = file.u64(place, "the shape")?;
        }
        let type_id = file.u32(place, "the type id")?;
        let offset = file.u64(place, "the offset")?;
        Ok(TensorInfo {
            name,
            dims,
            n_dims: n_dims as usize,
            type_id,
            offset,
            bytes: tensor_bytes(place, &dims[..n_dims as usize], type_id)?,
            older_q2_0: false,
            data: &[],
        })
    }
}

//! The stored bytes of a tensor as a matrix, and as floats.

use super::entry::TensorEntry;
use super::types::TensorType;
use crate::{Error, Matrix, Result};
use half::{bf16, f16};
use std::borrow::Cow;

impl TensorEntry<'_> {
    /// The tensor with the bytes `data` as a matrix. k is the first dimension, n the product of the others (1 if there are
    /// none). Factors, which are a tensor of their own, are left to the caller: see
    /// [`TensorView::factors`](super::TensorView::factors).
    ///
    /// # Errors
    /// [`Error::TensorType`] if lowbit has no format for the type, [`Error::Length`] if `data` does not have
    /// [`byte_len`](TensorEntry::byte_len) bytes, [`Error::BadScale`] if a scale or a float weight is NaN or infinite.
    pub fn packed<'b>(&self, data: impl Into<Cow<'b, [u8]>>) -> Result<Matrix<'b>> {
        let format = self.format().ok_or_else(|| undecoded(self.name(), self.type_id()))?;
        let size = |needed: u64| {
            usize::try_from(needed).map_err(|_| Error::TooLarge {
                what: "a dimension",
                needed,
                limit: usize::MAX as u64,
            })
        };
        let k = self.dims().first().copied().unwrap_or(1);
        let matrix = Matrix::from_bytes(format, size(self.rows())?, size(k)?, data)?;
        matrix.validate(&format!("tensor {:?}", self.name()))?;
        Ok(matrix)
    }

    /// The numbers in `data`, the tensor's bytes.
    pub(super) fn floats(&self, data: &[u8]) -> Result<Vec<f32>> {
        let kind = TensorType::from_id(self.type_id());
        match kind.and_then(|kind| kind.to_f32(data)) {
            Some(numbers) => Ok(numbers),
            None if data.is_empty() => Ok(Vec::new()),
            None => Ok(self.packed(data)?.dequantize()),
        }
    }
}

pub(super) fn undecoded(tensor: &str, id: u32) -> Error {
    Error::TensorType {
        tensor: tensor.to_owned(),
        id,
        known: TensorType::from_id(id).map_or("unknown", |t| t.name),
    }
}

impl TensorType {
    /// The numbers in `bytes`, rounded to f32; `None` if the type is packed. Bytes after the last whole number are
    /// ignored.
    pub fn to_f32(self, bytes: &[u8]) -> Option<Vec<f32>> {
        Some(match self {
            TensorType::F32 => each(bytes, f32::from_le_bytes),
            TensorType::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            TensorType::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            TensorType::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
            TensorType::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
            TensorType::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
            TensorType::I32 => each(bytes, |b| i32::from_le_bytes(b) as f32),
            TensorType::I64 => each(bytes, |b| i64::from_le_bytes(b) as f32),
            _ => return None,
        })
    }
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&b| number(b)).collect()
}

//! Tensors as floats, whatever they are stored as.

use super::tensor::TensorInfo;
use super::TensorType;
use crate::{Error, Matrix, Result};
use half::{bf16, f16};

impl<'a> TensorInfo<'a> {
    /// The tensor's bytes, without padding.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The tensor as a matrix over the file's own bytes: k is its first dimension, n the product of
    /// the others (1 if there are none), so that experts lie one after the other.
    ///
    /// # Errors
    /// [`Error::TensorType`] where lowbit has no format for its type, [`Error::BadScale`] where a scale,
    /// or a weight that is a float itself, is not finite.
    pub fn matrix(&self) -> Result<Matrix<'a>> {
        let format = self.format().ok_or_else(|| self.undecoded())?;
        let size = |needed: u64| {
            usize::try_from(needed).map_err(|_| Error::TooLarge {
                what: "a dimension",
                needed,
                limit: usize::MAX as u64,
            })
        };
        // The product of all four was checked when the tensor was read.
        let n = self.dims[1] * self.dims[2] * self.dims[3];
        let matrix = Matrix::from_bytes(format, size(n)?, size(self.dims[0])?, self.data)?;
        matrix.validate(&format!("tensor {:?}", self.name()))?;
        Ok(matrix)
    }

    /// The tensor's numbers, in the order of the file: rows of `dims()[0]`. Plain types are converted,
    /// rounding to f32 where they hold more; packed ones are decoded on the CPU.
    ///
    /// # Errors
    /// [`Error::TensorType`] where lowbit does not decode its type.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let kind = TensorType::from_id(self.type_id());
        match kind.and_then(|kind| kind.to_f32(self.data)) {
            Some(numbers) => Ok(numbers),
            None => Ok(self.matrix()?.dequantize()),
        }
    }

    fn undecoded(&self) -> Error {
        Error::TensorType {
            tensor: self.name().to_owned(),
            id: self.type_id(),
            known: TensorType::from_id(self.type_id()).map_or("unknown", |t| t.name),
        }
    }
}

impl TensorType {
    /// The numbers that `bytes` hold, rounded to f32 where they are more exact; none where the type
    /// is packed. Bytes past the last whole number are left out.
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

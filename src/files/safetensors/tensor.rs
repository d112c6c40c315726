//! One tensor and its bytes, held against what they should be.

use super::header::wrong;
use super::tensors::TensorInfo;
use crate::layouts::Scales;
use crate::{Result, ScaleType};
use ::safetensors::Dtype;
use std::borrow::Cow;

/// A tensor and its bytes: borrowed where the file is in memory, read where it is not.
pub(super) struct Tensor<'m> {
    info: &'m TensorInfo,
    shape: Cow<'m, [usize]>,
    pub bytes: Cow<'m, [u8]>,
}

impl<'m> Tensor<'m> {
    pub fn new(info: &'m TensorInfo, bytes: Cow<'m, [u8]>) -> Tensor<'m> {
        let shape = Cow::Borrowed(info.shape());
        Tensor { info, shape, bytes }
    }

    pub fn name(&self) -> &str {
        self.info.name()
    }

    pub fn dtype(&self) -> Dtype {
        self.info.kind()
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The same numbers, or those in `bytes`, as a tensor of another shape.
    pub fn reshaped(mut self, shape: Vec<usize>, bytes: Option<Vec<u8>>) -> Self {
        self.shape = Cow::Owned(shape);
        self.bytes = bytes.map_or(self.bytes, Cow::Owned);
        self
    }

    /// That it is of one of these types.
    pub fn typed(self, allowed: &[Dtype]) -> Result<Self> {
        if allowed.contains(&self.dtype()) {
            return Ok(self);
        }
        let names: Vec<_> = allowed.iter().map(Dtype::to_string).collect();
        Err(wrong(self.name(), "dtype", names.join(" or "), self.dtype()))
    }

    /// Its dimensions, if there are as many.
    pub fn dims<const N: usize>(&self) -> Result<[usize; N]> {
        <[usize; N]>::try_from(self.shape()).map_err(|_| {
            let got = format!("{} in {:?}", self.shape().len(), self.shape());
            wrong(self.name(), "dimensions", N, got)
        })
    }

    /// That it has this shape.
    pub fn shaped(self, shape: &[usize]) -> Result<Self> {
        if self.shape() != shape {
            let (expected, got) = (format!("{shape:?}"), format!("{:?}", self.shape()));
            return Err(wrong(self.name(), "shape", expected, got));
        }
        Ok(self)
    }

    /// Its numbers as floats of their type.
    pub fn scales(&self) -> Result<Scales<'_>> {
        let kind = match self.dtype() {
            Dtype::F32 => ScaleType::F32,
            Dtype::F16 => ScaleType::F16,
            Dtype::BF16 => ScaleType::BF16,
            Dtype::F8_E4M3 => ScaleType::E4M3,
            Dtype::F8_E8M0 => ScaleType::E8M0,
            other => return Err(wrong(self.name(), "dtype", "a float type", other)),
        };
        Ok(Scales::new(kind, &self.bytes))
    }

    /// Its numbers as floats of their type, bytes as powers of two.
    pub fn scales_or_powers(&self) -> Result<Scales<'_>> {
        match self.dtype() {
            Dtype::U8 => self.powers(),
            _ => self.scales(),
        }
    }

    /// Its bytes as powers of two, which tools store as u8 too.
    pub fn powers(&self) -> Result<Scales<'_>> {
        match self.dtype() {
            Dtype::U8 | Dtype::F8_E8M0 => Ok(Scales::new(ScaleType::E8M0, &self.bytes)),
            other => Err(wrong(self.name(), "dtype", "U8 or F8_E8M0", other)),
        }
    }

    /// Its numbers as f32, each finite.
    pub fn finite(&self) -> Result<Vec<f32>> {
        let values = self.scales()?.to_vec();
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(i) => Err(wrong(self.name(), &format!("number {i}"), "finite", values[i])),
        }
    }

    /// The one float that it holds.
    pub fn single(&self) -> Result<f32> {
        match self.finite()?[..] {
            [value] => Ok(value),
            ref values => Err(wrong(self.name(), "its numbers", 1, values.len())),
        }
    }

    /// Whole numbers, not negative.
    pub fn counts(&self) -> Result<Vec<usize>> {
        let width = match self.dtype() {
            Dtype::U8 | Dtype::BOOL => 1,
            Dtype::I32 | Dtype::U32 => 4,
            Dtype::I64 | Dtype::U64 => 8,
            other => return Err(wrong(self.name(), "dtype", "a type of whole numbers", other)),
        };
        let values = self.bytes.chunks_exact(width).map(|bytes| {
            let mut wide = [0u8; 8];
            wide[..width].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        });
        // A negative number is one of the largest.
        let limit = if width == 8 { i64::MAX as u64 } else { i32::MAX as u64 };
        values
            .map(|v| match usize::try_from(v) {
                Ok(count) if v <= limit => Ok(count),
                _ => Err(wrong(self.name(), "a number", format!("0 to {limit}"), v)),
            })
            .collect()
    }
}

//! A tensor with its bytes, and checks of its type, shape and numbers.

use super::errors::wrong;
use super::info::TensorInfo;
use crate::layouts::FloatSlice;
use crate::{Result, ScaleType};
use ::safetensors::Dtype;
use std::borrow::Cow;

/// A tensor with its bytes: borrowed if the file is in memory, read if it is on disk.
pub(super) struct LoadedTensor<'m> {
    info: &'m TensorInfo,
    shape: Cow<'m, [usize]>,
    pub bytes: Cow<'m, [u8]>,
}

impl<'m> LoadedTensor<'m> {
    pub fn new(info: &'m TensorInfo, bytes: Cow<'m, [u8]>) -> LoadedTensor<'m> {
        let shape = Cow::Borrowed(info.shape());
        LoadedTensor { info, shape, bytes }
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

    /// The same numbers, or those in `bytes`, in another shape.
    pub fn reshaped(mut self, shape: Vec<usize>, bytes: Option<Vec<u8>>) -> Self {
        self.shape = Cow::Owned(shape);
        self.bytes = bytes.map_or(self.bytes, Cow::Owned);
        self
    }

    /// Checks that the type is one of these.
    pub fn typed(self, allowed: &[Dtype]) -> Result<Self> {
        if allowed.contains(&self.dtype()) {
            return Ok(self);
        }
        let names: Vec<_> = allowed.iter().map(Dtype::to_string).collect();
        Err(wrong(self.name(), "dtype", names.join(" or "), self.dtype()))
    }

    /// The dimensions, which must be `N`.
    pub fn dims<const N: usize>(&self) -> Result<[usize; N]> {
        <[usize; N]>::try_from(self.shape()).map_err(|_| {
            let got = format!("{} in {:?}", self.shape().len(), self.shape());
            wrong(self.name(), "dimensions", N, got)
        })
    }

    /// Checks the shape.
    pub fn shaped(self, shape: &[usize]) -> Result<Self> {
        if self.shape() != shape {
            let (expected, got) = (format!("{shape:?}"), format!("{:?}", self.shape()));
            return Err(wrong(self.name(), "shape", expected, got));
        }
        Ok(self)
    }

    /// The numbers as floats of their type.
    pub fn scales(&self) -> Result<FloatSlice<'_>> {
        let kind = match self.dtype() {
            Dtype::F32 => ScaleType::F32,
            Dtype::F16 => ScaleType::F16,
            Dtype::BF16 => ScaleType::BF16,
            Dtype::F8_E4M3 => ScaleType::E4M3,
            Dtype::F8_E8M0 => ScaleType::E8M0,
            other => return Err(wrong(self.name(), "dtype", "a float type", other)),
        };
        Ok(FloatSlice::new(kind, &self.bytes))
    }

    /// The numbers as floats of their type, with bytes as powers of two.
    pub fn scales_or_powers(&self) -> Result<FloatSlice<'_>> {
        match self.dtype() {
            Dtype::U8 => self.powers(),
            _ => self.scales(),
        }
    }

    /// The bytes as powers of two (E8M0), which some tools store as u8.
    pub fn powers(&self) -> Result<FloatSlice<'_>> {
        match self.dtype() {
            Dtype::U8 | Dtype::F8_E8M0 => Ok(FloatSlice::new(ScaleType::E8M0, &self.bytes)),
            other => Err(wrong(self.name(), "dtype", "U8 or F8_E8M0", other)),
        }
    }

    /// The numbers as f32, all finite.
    pub fn finite(&self) -> Result<Vec<f32>> {
        let values = self.scales()?.to_vec();
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(i) => Err(wrong(self.name(), &format!("number {i}"), "finite", values[i])),
        }
    }

    /// The only number.
    pub fn single(&self) -> Result<f32> {
        match self.finite()?[..] {
            [value] => Ok(value),
            ref values => Err(wrong(self.name(), "its numbers", 1, values.len())),
        }
    }

    /// The numbers as non-negative integers.
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
        // As unsigned integers, negative numbers exceed the limit.
        let limit = if width == 8 { i64::MAX as u64 } else { i32::MAX as u64 };
        values
            .map(|v| match usize::try_from(v) {
                Ok(count) if v <= limit => Ok(count),
                _ => Err(wrong(self.name(), "a number", format!("0 to {limit}"), v)),
            })
            .collect()
    }
}

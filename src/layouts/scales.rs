//! Float tensors as files store them: bytes and their element type.

use crate::linear::{length, part};
use crate::{Result, ScaleType};
use half::{bf16, f16, slice::HalfFloatSliceExt};

/// Floats of a tool's tensor (scales, zero points, biases, weights): little-endian numbers of any [`ScaleType`].
///
/// Made from the bytes of a tensor, which need not be aligned, or from a slice of floats.
#[derive(Clone, Copy, Debug)]
pub struct FloatSlice<'a> {
    kind: ScaleType,
    bytes: &'a [u8],
}

impl<'a> FloatSlice<'a> {
    /// Takes numbers of type `kind` as a file stores them.
    pub fn new(kind: ScaleType, bytes: &'a [u8]) -> FloatSlice<'a> {
        FloatSlice { kind, bytes }
    }

    /// The type of the numbers.
    pub fn kind(&self) -> ScaleType {
        self.kind
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.kind.bytes()
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number `i`, exact as f32; `i` must be under [`len`](FloatSlice::len).
    pub(super) fn at(&self, i: usize) -> f32 {
        self.kind.load(self.raw(i))
    }

    /// The bytes of number `i`, which must be under [`len`](FloatSlice::len).
    pub(super) fn raw(&self, i: usize) -> &'a [u8] {
        let width = self.kind.bytes();
        &self.bytes[i * width..][..width]
    }

    /// The bytes of all numbers.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All numbers as f32.
    pub(crate) fn to_vec(self) -> Vec<f32> {
        (0..self.len()).map(|i| self.at(i)).collect()
    }

    /// Checks that there are `count` numbers, all finite.
    pub(super) fn check(&self, at: &str, count: usize) -> Result<()> {
        let bytes = count.saturating_mul(self.kind.bytes());
        if bytes != self.bytes.len() {
            length(at, count, self.len())?;
            return Err(part(at, "its bytes", bytes, self.bytes.len()));
        }
        match (0..count).find(|&i| !self.at(i).is_finite()) {
            None => Ok(()),
            Some(i) => Err(part(at, format!("number {i}"), "finite", self.at(i))),
        }
    }
}

impl<'a> From<&'a [f32]> for FloatSlice<'a> {
    fn from(floats: &'a [f32]) -> Self {
        FloatSlice::new(ScaleType::F32, bytemuck::cast_slice(floats))
    }
}

impl<'a> From<&'a [f16]> for FloatSlice<'a> {
    fn from(floats: &'a [f16]) -> Self {
        let words = floats.reinterpret_cast();
        FloatSlice::new(ScaleType::F16, bytemuck::cast_slice(words))
    }
}

impl<'a> From<&'a [bf16]> for FloatSlice<'a> {
    fn from(floats: &'a [bf16]) -> Self {
        let words = floats.reinterpret_cast();
        FloatSlice::new(ScaleType::BF16, bytemuck::cast_slice(words))
    }
}

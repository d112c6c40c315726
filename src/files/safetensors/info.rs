//! A tensor's entry in the header of its file.

use super::header::TensorRecord;
use ::safetensors::Dtype;

/// Name, type and shape of a tensor, from the header of its file.
#[derive(Clone, Debug)]
pub struct TensorInfo {
    pub(super) entry: TensorRecord,
    /// The file, and where in it its data section starts.
    pub(super) file: usize,
    pub(super) data: u64,
}

impl TensorInfo {
    /// The name.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// The element type by its name in safetensors: `F16`, `BF16`, `I32`, `F8_E4M3`, ...
    pub fn dtype(&self) -> String {
        self.entry.dtype.to_string()
    }

    /// The dimensions; the last one is contiguous.
    pub fn shape(&self) -> &[usize] {
        &self.entry.shape
    }

    /// Bytes of its data.
    pub fn byte_len(&self) -> u64 {
        self.entry.end - self.entry.begin
    }

    pub(super) fn kind(&self) -> Dtype {
        self.entry.dtype
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self.entry.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
    }
}

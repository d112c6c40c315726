//! The types that tensors of a GGUF file can have, and how many bytes a shape of each takes.

use super::{cursor::Place, MAX_DIMS};
use crate::Result;

/// A tensor type of GGUF files (`ggml_type`). lowbit decodes those that
/// [`Format::from_gguf`](crate::Format::from_gguf) knows; the others can be read and written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorType {
    /// The number that stands for it in a file.
    pub id: u32,
    /// Its name in ggml.
    pub name: &'static str,
    /// Weights in one block.
    pub block: u64,
    /// Bytes of one block.
    pub bytes: u64,
}

const fn row(id: u32, name: &'static str, block: u64, bytes: u64) -> TensorType {
    TensorType {
        id,
        name,
        block,
        bytes,
    }
}

/// Every tensor type of ggml 0.27. The ids between them belonged to types that were removed.
pub const TENSOR_TYPES: &[TensorType] = &[
    row(0, "F32", 1, 4),
    row(1, "F16", 1, 2),
    row(2, "Q4_0", 32, 18),
    row(3, "Q4_1", 32, 20),
    row(6, "Q5_0", 32, 22),
    row(7, "Q5_1", 32, 24),
    row(8, "Q8_0", 32, 34),
    // 40 in the Python package, from a time when its two fields were f32.
    row(9, "Q8_1", 32, 36),
    row(10, "Q2_K", 256, 84),
    row(11, "Q3_K", 256, 110),
    row(12, "Q4_K", 256, 144),
    row(13, "Q5_K", 256, 176),
    row(14, "Q6_K", 256, 210),
    row(15, "Q8_K", 256, 292),
    row(16, "IQ2_XXS", 256, 66),
    row(17, "IQ2_XS", 256, 74),
    row(18, "IQ3_XXS", 256, 98),
    row(19, "IQ1_S", 256, 50),
    row(20, "IQ4_NL", 32, 18),
    row(21, "IQ3_S", 256, 110),
    row(22, "IQ2_S", 256, 82),
    row(23, "IQ4_XS", 256, 136),
    row(24, "I8", 1, 1),
    row(25, "I16", 1, 2),
    row(26, "I32", 1, 4),
    row(27, "I64", 1, 8),
    row(28, "F64", 1, 8),
    row(29, "IQ1_M", 256, 56),
    row(30, "BF16", 1, 2),
    row(34, "TQ1_0", 256, 54),
    row(35, "TQ2_0", 256, 66),
    row(39, "MXFP4", 32, 17),
    row(40, "NVFP4", 64, 36),
    row(41, "Q1_0", 128, 18),
    row(42, "Q2_0", 64, 18),
];

impl TensorType {
    /// The type of this id.
    pub fn from_id(id: u32) -> Option<TensorType> {
        TENSOR_TYPES.iter().find(|t| t.id == id).copied()
    }
}

/// Checked before `n_dims` numbers are read.
pub(super) fn check_dims(place: Place, n_dims: u32) -> Result<()> {
    if n_dims > MAX_DIMS {
        let most = format!("at most {MAX_DIMS}");
        return Err(place.error("the number of dimensions", most, n_dims));
    }
    Ok(())
}

/// The bytes that a tensor of this shape and type takes, if it is possible. No dimension at all
/// is one number, as in ggml.
pub(super) fn tensor_bytes(place: Place, dims: &[u64], type_id: u32) -> Result<u64> {
    // The largest number that tools with signed sizes can count to.
    const LIMIT: u64 = i64::MAX as u64;
    let Some(kind) = TensorType::from_id(type_id) else {
        let last = TENSOR_TYPES.last().map_or(0, |t| t.id);
        let known = format!("one of the {} known up to {last}", TENSOR_TYPES.len());
        return Err(place.error("the type id", known, type_id));
    };
    for (axis, &size) in dims.iter().enumerate() {
        if size == 0 || size > LIMIT {
            let range = format!("from 1 to {LIMIT}");
            return Err(place.error(format!("dimension {axis}"), range, size));
        }
    }
    let k = dims.first().copied().unwrap_or(1);
    if !k.is_multiple_of(kind.block) {
        let multiple = format!("a multiple of {} for {}", kind.block, kind.name);
        return Err(place.error("dimension 0", multiple, k));
    }
    let mut rows = dims.iter().skip(1);
    let blocks = rows.try_fold(k / kind.block, |n, &size| n.checked_mul(size));
    let within = |per_block: u64| blocks?.checked_mul(per_block).filter(|&n| n <= LIMIT);
    match (within(kind.block), within(kind.bytes)) {
        (Some(_), Some(bytes)) => Ok(bytes),
        _ => Err(place.error(
            "the shape",
            format!("at most {LIMIT} numbers and bytes"),
            format!("{dims:?} of {}", kind.name),
        )),
    }
}

//! The tensor types of GGUF files, and the bytes that a shape takes in each.

use super::container::MAX_DIMS;
use super::cursor::Location;
use crate::Result;
use std::fmt;

/// A tensor type of GGUF files (`ggml_type`). lowbit decodes those that
/// [`Format::from_gguf`](crate::Format::from_gguf) knows; the others can be read and written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorType {
    /// Its id in a file.
    pub id: u32,
    /// Its name in ggml.
    pub name: &'static str,
    /// Weights in one block.
    pub block: u64,
    /// Bytes of one block.
    pub bytes: u64,
}

macro_rules! types {
    ($($id:literal $name:ident: $block:literal in $bytes:literal;)*) => {
        /// Each type, under its name.
        impl TensorType {
            $(
                #[doc = concat!("Type ", $id, ": blocks of ", $block, " in ", $bytes, " bytes.")]
                pub const $name: TensorType = TensorType {
                    id: $id,
                    name: stringify!($name),
                    block: $block,
                    bytes: $bytes,
                };
            )*
        }

        /// Every tensor type of ggml 0.27. The ids between them belonged to [types that were
        /// removed](TensorType::removed).
        pub const TENSOR_TYPES: &[TensorType] = &[$(TensorType::$name),*];
    };
}

types! {
    0 F32: 1 in 4;
    1 F16: 1 in 2;
    2 Q4_0: 32 in 18;
    3 Q4_1: 32 in 20;
    6 Q5_0: 32 in 22;
    7 Q5_1: 32 in 24;
    8 Q8_0: 32 in 34;
    // 40 in the Python package, from a time when its two fields were f32.
    9 Q8_1: 32 in 36;
    10 Q2_K: 256 in 84;
    11 Q3_K: 256 in 110;
    12 Q4_K: 256 in 144;
    13 Q5_K: 256 in 176;
    14 Q6_K: 256 in 210;
    15 Q8_K: 256 in 292;
    16 IQ2_XXS: 256 in 66;
    17 IQ2_XS: 256 in 74;
    18 IQ3_XXS: 256 in 98;
    19 IQ1_S: 256 in 50;
    20 IQ4_NL: 32 in 18;
    21 IQ3_S: 256 in 110;
    22 IQ2_S: 256 in 82;
    23 IQ4_XS: 256 in 136;
    24 I8: 1 in 1;
    25 I16: 1 in 2;
    26 I32: 1 in 4;
    27 I64: 1 in 8;
    28 F64: 1 in 8;
    29 IQ1_M: 256 in 56;
    30 BF16: 1 in 2;
    34 TQ1_0: 256 in 54;
    35 TQ2_0: 256 in 66;
    39 MXFP4: 32 in 17;
    40 NVFP4: 64 in 36;
    41 Q1_0: 128 in 18;
    42 Q2_0: 64 in 18;
}

/// Types that ggml has removed. It refuses files with them, and their sizes are no longer known.
const REMOVED: &[(u32, &str)] = &[
    (4, "Q4_2"),
    (5, "Q4_3"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
];

impl TensorType {
    /// The name of a type with this id that ggml has removed.
    pub fn removed(id: u32) -> Option<&'static str> {
        REMOVED.iter().find(|(of, _)| *of == id).map(|(_, name)| *name)
    }

    /// The type with this id.
    pub fn from_id(id: u32) -> Option<TensorType> {
        TENSOR_TYPES.iter().find(|t| t.id == id).copied()
    }

    /// The type with this name, in either case.
    pub fn from_name(name: &str) -> Option<TensorType> {
        let same = |t: &&TensorType| t.name.eq_ignore_ascii_case(name);
        TENSOR_TYPES.iter().find(same).copied()
    }

    /// Whether weights are packed in blocks with scales.
    pub fn is_packed(&self) -> bool {
        self.block > 1
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The largest size that tools with signed integers can represent.
pub(super) const LIMIT: u64 = i64::MAX as u64;

/// Checks the number of dimensions, before that many are read.
pub(super) fn check_dims(place: Location, n_dims: u32) -> Result<()> {
    if n_dims > MAX_DIMS {
        let most = format!("at most {MAX_DIMS}");
        return Err(place.error("the number of dimensions", most, n_dims));
    }
    Ok(())
}

/// The bytes that a tensor of this shape and type takes, if they can be counted. As in ggml, a tensor without
/// dimensions holds one number, and one with a dimension of 0 holds none.
pub(super) fn tensor_bytes(place: Location, dims: &[u64], type_id: u32) -> Result<u64> {
    let Some(kind) = TensorType::from_id(type_id) else {
        let last = TENSOR_TYPES.last().map_or(0, |t| t.id);
        let known = format!("one of the {} known up to {last}", TENSOR_TYPES.len());
        let got = match TensorType::removed(type_id) {
            Some(name) => format!("{type_id} ({name}, which ggml has removed)"),
            None => type_id.to_string(),
        };
        return Err(place.error("the type id", known, got));
    };
    for (axis, &size) in dims.iter().enumerate() {
        if size > LIMIT {
            let range = format!("at most {LIMIT}");
            return Err(place.error(format!("dimension {axis}"), range, size));
        }
    }
    let k = dims.first().copied().unwrap_or(1);
    if !k.is_multiple_of(kind.block) {
        let multiple = format!("a multiple of {} for {}", kind.block, kind.name);
        return Err(place.error("dimension 0", multiple, k));
    }
    // Zeros count as 1, so that the product of any subset of the dimensions fits too.
    let mut sizes = dims.iter().map(|&size| size.max(1));
    let numbers = sizes.try_fold(1u64, |n, size| n.checked_mul(size));
    let blocks = numbers.map(|n| n.div_ceil(kind.block));
    let bytes = blocks.and_then(|n| n.checked_mul(kind.bytes));
    match (numbers.filter(|&n| n <= LIMIT), bytes.filter(|&n| n <= LIMIT)) {
        (Some(_), Some(_)) if dims.contains(&0) => Ok(0),
        (Some(_), Some(bytes)) => Ok(bytes),
        _ => Err(place.error(
            "the shape",
            format!("at most {LIMIT} numbers and bytes"),
            format!("{dims:?} of {}", kind.name),
        )),
    }
}

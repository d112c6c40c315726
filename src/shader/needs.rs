//! What a kernel needs of the device, the caller and the format.

use super::caps::Caps;
use crate::Precision;

/// What a kernel needs.
pub(crate) struct Needs {
    pub caps: Caps,
    /// The precision that the caller must have allowed.
    pub precision: Precision,
    /// Whether weights must have integer codes.
    pub codes: bool,
    /// The most bits that stored fields may have, for a kernel that multiplies by them as they are.
    pub bits: Option<usize>,
    /// The side of the square matrices that the device must multiply, halves summed in f32; or 0.
    pub matrices: u32,
}

impl Needs {
    pub const NOTHING: Needs = Needs {
        caps: Caps::NONE,
        precision: Precision::F32,
        codes: false,
        bits: None,
        matrices: 0,
    };
    pub const SUBGROUP: Needs = Needs {
        caps: Caps::SUBGROUP,
        ..Needs::NOTHING
    };
    /// Products of integers by x rounded to bytes.
    pub const INTEGERS: Needs = Needs {
        precision: Precision::I8,
        codes: true,
        ..Needs::NOTHING
    };
    pub const SUBGROUP_INTEGERS: Needs = Needs {
        caps: Caps::SUBGROUP,
        ..Needs::INTEGERS
    };
    pub const F16: Needs = Needs {
        caps: Caps::SHADER_F16,
        precision: Precision::F16,
        ..Needs::NOTHING
    };

    pub const fn matrices(side: u32) -> Needs {
        Needs {
            caps: Caps::SHADER_F16.union(Caps::SUBGROUP).union(Caps::COOPERATIVE_MATRIX),
            matrices: side,
            ..Needs::F16
        }
    }
}

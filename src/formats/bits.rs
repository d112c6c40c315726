//! Codes in device words: how 32 codes of 1, 2, 4 or 8 bits lie in their units.
//!
//! The twins are `shaders/codes/bits*.wgsl`. Weight 4j + b of a part is byte b of code word j, so
//! each layout is chosen such that one shift and one mask turn a stored word into a code word.

use crate::family::{Plane, Unit, PART};

/// The device plane of codes of so many bits.
pub(crate) const fn plane(bits: usize) -> Plane {
    let (unit, units) = match bits {
        1 => (Unit::Word, 1),
        2 => (Unit::Vec2, 1),
        4 => (Unit::Vec4, 1),
        8 => (Unit::Vec4, 2),
        _ => panic!("codes have 1, 2, 4 or 8 bits"),
    };
    Plane {
        unit,
        units,
        per: PART,
    }
}

/// Packs 32 codes, `code + OFFSET` being an unsigned number of `BITS` bits, into `4 * BITS` bytes.
pub(crate) fn pack<const BITS: usize, const OFFSET: i8>(codes: &[i8], units: &mut [u8]) {
    let words = BITS; // 32 codes of BITS bits
    units.fill(0);
    for (i, &code) in codes.iter().enumerate() {
        let (j, byte) = (i / 4, i % 4);
        let field = code.wrapping_add(OFFSET) as u8;
        // Code word j lies in stored word j % words, in the (j / words)th field of every byte.
        // One-bit codes: the sign of a code of -1 or 1.
        let field = if BITS == 1 { (code > 0) as u8 } else { field };
        units[4 * (j % words) + byte] |= field << (BITS * (j / words));
    }
}

/// How the shaders of 5-bit codes spread their high bits.
pub(crate) const FIFTH: (&str, &str) = (
    "codes/fifth.wgsl",
    include_str!("../../shaders/codes/fifth.wgsl"),
);

/// The WGSL twin of [`pack`].
macro_rules! shader {
    ($bits:literal) => {
        (
            concat!("codes/bits", $bits, ".wgsl"),
            include_str!(concat!("../../shaders/codes/bits", $bits, ".wgsl")),
        )
    };
}
pub(crate) use shader;

//! Element types of small floats.

use crate::Format;

/// A float of 4, 6 or 8 bits (OCP MX 1.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// 4 bits, 2 of exponent: `float4_e2m1fn`.
    E2M1,
    /// 6 bits, 2 of exponent: `float6_e2m3fn`.
    E2M3,
    /// 6 bits, 3 of exponent: `float6_e3m2fn`.
    E3M2,
    /// 8 bits, 4 of exponent, without infinities: `float8_e4m3fn`.
    E4M3,
    /// 8 bits, 5 of exponent: `float8_e5m2`.
    E5M2,
}

impl Element {
    /// Bits of an element.
    pub const fn bits(self) -> usize {
        match self {
            Element::E2M1 => 4,
            Element::E2M3 | Element::E3M2 => 6,
            Element::E4M3 | Element::E5M2 => 8,
        }
    }

    /// The format that holds such elements.
    pub(super) const fn format(self) -> Format {
        match self {
            Element::E2M1 => Format::FP4_E2M1,
            Element::E2M3 => Format::FP6_E2M3,
            Element::E3M2 => Format::FP6_E3M2,
            Element::E4M3 => Format::FP8_E4M3,
            Element::E5M2 => Format::FP8_E5M2,
        }
    }
}

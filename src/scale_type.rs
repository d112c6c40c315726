//! The types in which formats store scales.

use crate::family::QuantizeError;
use fearless_simd::Simd;
use half::{bf16, f16};
use std::fmt;

/// The number type of a stored scale, and of its zero point or bias.
///
/// [`Format::with_scale`](crate::Format::with_scale) changes the type of a format family, so that scales of any tool are
/// stored without rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ScaleType {
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of an f32.
    BF16,
    /// IEEE binary32.
    F32,
    /// A power of two in a byte, 2^(byte - 127): the scales of the OCP MX formats.
    E8M0,
    /// A float of 8 bits, 4 of them exponent, without infinities: the scales of NVFP4.
    E4M3,
}

impl ScaleType {
    /// Bytes of one scale.
    pub const fn bytes(self) -> usize {
        match self {
            ScaleType::F16 | ScaleType::BF16 => 2,
            ScaleType::F32 => 4,
            ScaleType::E8M0 | ScaleType::E4M3 => 1,
        }
    }

    /// The name as part of a format's name: `f16`, `bf16`, `f32`, `e8m0`, `e4m3`.
    pub const fn name(self) -> &'static str {
        match self {
            ScaleType::F16 => "f16",
            ScaleType::BF16 => "bf16",
            ScaleType::F32 => "f32",
            ScaleType::E8M0 => "e8m0",
            ScaleType::E4M3 => "e4m3",
        }
    }

    /// The scale at the start of `bytes` as f32: exact.
    #[inline(always)]
    pub(crate) fn load(self, bytes: &[u8]) -> f32 {
        match self {
            ScaleType::F16 => crate::formats::f16::load(bytes, 0),
            ScaleType::BF16 => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
            ScaleType::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            ScaleType::E8M0 => power_of_two(bytes[0]),
            ScaleType::E4M3 => crate::formats::minifloat::E4M3[bytes[0] as usize],
        }
    }

    /// Like [`load`](ScaleType::load), for vectorized loops.
    #[inline(always)]
    pub(crate) fn load_at<S: Simd>(self, simd: S, bytes: &[u8]) -> f32 {
        match self {
            ScaleType::F16 => crate::formats::f16::load_at(simd, bytes, 0),
            scale => scale.load(bytes),
        }
    }

    /// Stores the nearest scale, or an error if that is infinite.
    pub(crate) fn store(self, value: f32, bytes: &mut [u8]) -> Result<(), QuantizeError> {
        let (finite, limit) = match self {
            ScaleType::F16 => {
                let h = f16::from_f32(value);
                bytes[..2].copy_from_slice(&h.to_le_bytes());
                (h.is_finite(), f16::MAX.to_f32())
            }
            ScaleType::BF16 => {
                let h = bf16::from_f32(value);
                bytes[..2].copy_from_slice(&h.to_le_bytes());
                (h.is_finite(), bf16::MAX.to_f32())
            }
            ScaleType::F32 => {
                bytes[..4].copy_from_slice(&value.to_le_bytes());
                (value.is_finite(), f32::MAX)
            }
            ScaleType::E8M0 => {
                // The power of two at or below. Zero, which has none, takes the smallest.
                bytes[0] = (value.to_bits() >> 23) as u8;
                (value.is_finite() && value >= 0.0, f32::MAX)
            }
            ScaleType::E4M3 => {
                bytes[0] = crate::formats::minifloat::nearest::<4, 3>(value);
                (value.abs() <= 448.0, 448.0)
            }
        };
        if !finite {
            return Err(QuantizeError { scale: value, limit });
        }
        Ok(())
    }
}

/// 2^(e - 127), from its bits; NaN for 255.
fn power_of_two(e: u8) -> f32 {
    f32::from_bits(match e {
        0 => 0x0040_0000,
        255 => 0x7fc0_0000,
        e => (e as u32) << 23,
    })
}

impl fmt::Display for ScaleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

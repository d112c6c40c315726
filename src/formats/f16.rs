//! Half-precision fields of stored blocks.

use crate::family::QuantizeError;
use half::f16;

/// The f16 at `at`, as f32 (exact).
#[inline(always)]
pub(crate) fn load(block: &[u8], at: usize) -> f32 {
    to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// As `half::f16::to_f32`, which asks the processor for its abilities at every call, and so is never
/// inlined. NaN become quiet, as there.
#[inline(always)]
fn to_f32(h: u16) -> f32 {
    let magnitude = (h & 0x7fff) as u32;
    // No branches, since the bits of a scale say nothing about those of the next.
    let is_special = (magnitude >= 0x7c00) as u32;
    let is_subnormal = (magnitude < 0x400) as u32;
    let exponent = 112 + 112 * is_special + is_subnormal;
    let bits = (magnitude << 13) + (exponent << 23);
    // A subnormal got a leading one that it has not, of 2^-14.
    let value = f32::from_bits(bits) - f32::from_bits(is_subnormal * (113 << 23));
    f32::from_bits(value.to_bits() | (h as u32 >> 15) << 31)
}

/// Stores `value` as f16, rounded to nearest even; an error where that would be infinite.
pub(crate) fn store(block: &mut [u8], at: usize, value: f32) -> Result<(), QuantizeError> {
    let h = f16::from_f32(value);
    if !h.is_finite() {
        return Err(QuantizeError {
            scale: value,
            limit: f16::MAX.to_f32(),
        });
    }
    block[at..at + 2].copy_from_slice(&h.to_le_bytes());
    Ok(())
}

#[cfg(test)]
#[test]
fn every_half_is_what_the_half_crate_makes_of_it() {
    for h in 0..=u16::MAX {
        assert_eq!(
            to_f32(h).to_bits(),
            f16::from_bits(h).to_f32().to_bits(),
            "{h:#06x}"
        );
    }
}

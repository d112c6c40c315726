//! Half-precision fields of stored blocks.

use crate::family::QuantizeError;
use half::f16;

/// The f16 at `at`, as f32 (exact).
#[inline(always)]
pub(crate) fn load(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
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

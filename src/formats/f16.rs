//! Half-precision fields of stored blocks.

use crate::family::QuantizeError;
use fearless_simd::Simd;
use half::f16;

/// The f16 at `at`, as f32 (exact).
#[inline(always)]
pub(crate) fn load(block: &[u8], at: usize) -> f32 {
    to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Like [`load`], by the instruction that does it where there is one.
#[inline(always)]
pub(crate) fn load_at<S: Simd>(simd: S, block: &[u8], at: usize) -> f32 {
    let bits = u16::from_le_bytes([block[at], block[at + 1]]);
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(avx512) = simd.level().as_avx512() {
            return converted_avx512(avx512, bits);
        }
        if let Some(avx2) = simd.level().as_avx2() {
            return converted_avx2(avx2, bits);
        }
    }
    let _ = simd;
    to_f32(bits)
}

#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    #[inline(always)]
    fn converted_avx512(_avx512: Avx512, bits: u16) -> f32 {
        use core::arch::x86_64::{_mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32};
        _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits as i32)))
    }
);

#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    #[inline(always)]
    fn converted_avx2(_avx2: Avx2, bits: u16) -> f32 {
        use core::arch::x86_64::{_mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32};
        _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits as i32)))
    }
);

/// As `half::f16::to_f32`, which asks the processor for its abilities at every call, and so is never
/// inlined. NaN become quiet, as there.
#[inline(always)]
fn to_f32(h: u16) -> f32 {
    let magnitude = (h & 0x7fff) as u32;
    // Without branches, which scales would make unpredictable.
    let is_special = (magnitude >= 0x7c00) as u32;
    let is_subnormal = (magnitude < 0x400) as u32;
    let exponent = 112 + 112 * is_special + is_subnormal;
    let bits = (magnitude << 13) + (exponent << 23);
    // A subnormal has received an implicit leading one of 2^-14 too many.
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
        assert_eq!(to_f32(h).to_bits(), f16::from_bits(h).to_f32().to_bits(), "{h:#06x}");
        for level in crate::cpu::CpuLevel::all() {
            let bytes = h.to_le_bytes();
            let loaded = crate::simd::at_level!(level.0, simd => load_at(simd, &bytes, 0));
            assert_eq!(loaded.to_bits(), to_f32(h).to_bits(), "{h:#06x} {level:?}");
        }
    }
}

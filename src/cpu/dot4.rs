//! Exact sums of four products of signed bytes: the one operation that each instruction set does differently.

use fearless_simd::{i8x64, i32x16, prelude::*};

/// Σ w·x of every four codes. No x is -128. `shift` is -128 Σ x of every four; only AVX-512 needs it.
#[inline(always)]
pub(super) fn dot4<S: Simd>(simd: S, w: i8x64<S>, x: i8x64<S>, shift: i32x16<S>) -> i32x16<S> {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = simd.level().as_avx512() {
        return vnni(avx512, w.into(), x.into(), shift.into()).simd_into(simd);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = simd.level().as_avx2() {
        return magnitudes(avx2, w.into(), x.into()).simd_into(simd);
    }
    let _ = (simd, shift);
    let ((w_low, w_high), (x_low, x_high)) = (w.widen(), x.widen());
    let low = w_low.pairwise_dot_product(x_low);
    let high = w_high.pairwise_dot_product(x_high);
    low.unzip_low(high) + low.unzip_high(high)
}

// `vpdpbusd` multiplies unsigned bytes by signed ones: w becomes w + 128, and the shift corrects the sum.
#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    #[inline(always)]
    fn vnni(avx512: Avx512, w: [i8; 64], x: [i8; 64], shift: [i32; 16]) -> [i32; 16] {
        use core::arch::x86_64::{__m512i, _mm512_dpbusd_epi32};
        let w: __m512i = (i8x64::simd_from(avx512, w) ^ i8::MIN).into();
        let x: __m512i = i8x64::simd_from(avx512, x).into();
        let shift: __m512i = i32x16::simd_from(avx512, shift).into();
        let sums: i32x16<_> = _mm512_dpbusd_epi32(shift, w, x).simd_into(avx512);
        sums.into()
    }
);

// |w| times x with the sign of w: sums of two such products fit in 16 bits, since no x is -128.
#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    #[inline(always)]
    fn magnitudes(avx2: Avx2, w: [i8; 64], x: [i8; 64]) -> [i32; 16] {
        use core::arch::x86_64::{
            __m256i, _mm256_abs_epi8, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_sign_epi8,
        };
        use fearless_simd::{i8x32, i32x8};
        let mut sums = [0; 16];
        for (half, sums) in sums.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let w: __m256i = i8x32::from_slice(avx2, &w[32 * half..][..32]).into();
            let x: __m256i = i8x32::from_slice(avx2, &x[32 * half..][..32]).into();
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
            let four: i32x8<_> = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)).simd_into(avx2);
            *sums = four.into();
        }
        sums
    }
);

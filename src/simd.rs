//! Picks the vector instructions that a loop runs with.
//!
//! With the feature `simd` a loop is compiled for every x86 level that gains from it and picked at run time. Without it,
//! and on targets whose vector instructions are all in the baseline, it is compiled once, for the target's baseline.

use fearless_simd::Level;

/// The best level of this machine that loops are compiled for.
pub(crate) fn best() -> Level {
    if cfg!(feature = "simd") {
        Level::new()
    } else {
        Level::baseline()
    }
}

/// Evaluates an expression compiled for the level, `$simd` being its token. Everything that it calls must be
/// `#[inline(always)]`, or it is compiled for the baseline.
macro_rules! at_level {
    ($level:expr, $simd:ident => $operation:expr) => {{
        let level: fearless_simd::Level = $level;
        #[cfg(all(feature = "simd", any(target_arch = "x86", target_arch = "x86_64")))]
        {
            if let Some($simd) = level.as_avx512() {
                fearless_simd::Simd::vectorize(
                    $simd,
                    #[inline(always)]
                    || $operation,
                )
            } else if let Some($simd) = level.as_avx2() {
                fearless_simd::Simd::vectorize(
                    $simd,
                    #[inline(always)]
                    || $operation,
                )
            } else if let Some($simd) = level.as_sse4_2() {
                fearless_simd::Simd::vectorize(
                    $simd,
                    #[inline(always)]
                    || $operation,
                )
            } else {
                $crate::simd::at_baseline!($simd => $operation)
            }
        }
        #[cfg(not(all(feature = "simd", any(target_arch = "x86", target_arch = "x86_64"))))]
        {
            let _ = level;
            $crate::simd::at_baseline!($simd => $operation)
        }
    }};
}
pub(crate) use at_level;

/// Evaluates an expression compiled for the target's baseline.
macro_rules! at_baseline {
    ($simd:ident => $operation:expr) => {{
        let level = fearless_simd::Level::baseline();
        // `dispatch` compiles for every level above SSE2 too, where the target leaves open which there is.
        #[cfg(all(
            any(target_arch = "x86", target_arch = "x86_64"),
            target_feature = "sse2",
            not(target_feature = "avx2")
        ))]
        {
            let $simd = level.as_sse2().expect("the target has SSE2");
            $operation
        }
        #[cfg(not(all(
            any(target_arch = "x86", target_arch = "x86_64"),
            target_feature = "sse2",
            not(target_feature = "avx2")
        )))]
        {
            fearless_simd::dispatch!(level, $simd => $operation)
        }
    }};
}
pub(crate) use at_baseline;

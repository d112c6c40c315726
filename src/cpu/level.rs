//! The vector instructions that a product runs with.

use crate::simd;
use fearless_simd::Level;

/// A set of vector instructions that this machine has. Products use the best one; tests ask for each.
#[derive(Clone, Copy)]
pub struct CpuLevel(pub(crate) Level);

impl CpuLevel {
    /// The best level of this machine that the crate is compiled for.
    pub fn best() -> CpuLevel {
        CpuLevel(simd::best())
    }

    /// Every level of this machine that the crate is compiled for, best first. Without the feature `simd` that is the
    /// target's baseline alone.
    pub fn all() -> Vec<CpuLevel> {
        let best = simd::best();
        #[allow(unused_mut)]
        let mut all = vec![CpuLevel(best)];
        #[cfg(all(feature = "simd", any(target_arch = "x86", target_arch = "x86_64")))]
        {
            if let (Level::Avx512(_), Some(avx2)) = (best, best.as_avx2()) {
                all.push(CpuLevel(Level::Avx2(avx2)));
            }
            if let (Level::Avx512(_) | Level::Avx2(_), Some(sse4_2)) = (best, best.as_sse4_2()) {
                all.push(CpuLevel(Level::Sse4_2(sse4_2)));
            }
            if let (false, Some(sse2)) = (matches!(best, Level::Sse2(_)), best.as_sse2()) {
                all.push(CpuLevel(Level::Sse2(sse2)));
            }
        }
        all
    }
}

impl std::fmt::Debug for CpuLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

//! Which kernel a product gets.

use super::kernels::{Kernel, by_name};
use super::traits::{DeviceClass, Traits};
use crate::family::{AffineKind, PART};
use crate::{Format, Precision};

/// A kernel, and the fewest and the most rows of x that it is tried for.
type Rung = (&'static str, usize, usize);

/// The most rows of x for which dot products of bytes beat products of pairs on a processor: lavapipe 26.2, m = 1,
/// GFLOP/s a CPU second: TQ2_0 26 against 28, Q4_0 18.9 and 19.4, Q6_K 10.3 and 8.5; Q4_0 at m = 2 and 8: 28 and 40
/// against 30 and 44 (4096 x 4096, 2026-11-21).
const DOTS_M: usize = 1;

/// Whether m rows of x are worth rounding. A card must have an instruction that multiplies four bytes by four. A
/// processor does not gain where codes are bytes anyway, which the kernels in f32 take as they are, nor where minima
/// and scales of super-blocks come first: at m = 1, 4, 8, 32 Q8_0 does 11, 28, 34, 35 GFLOP/s a CPU second in f32 and
/// 7, 20, 26, 21 at best with dots or pairs, Q4_K at m = 1 12.8 against 12.6, at m = 4 27 against 29 (as above).
pub(crate) fn integers_pay(traits: &Traits, format: Format, m: usize) -> bool {
    let family = format.family();
    let bytes = family.shader.bits == 8;
    let minima = family.affine_kind == AffineKind::ScaleBias && family.scale_plane.per > PART;
    match traits.class {
        DeviceClass::Gpu => traits.packed_dots,
        DeviceClass::Cpu => !(bytes || minima && m == 1),
    }
}

/// The ladder of processors, best kernel first. Workgroup memory is slow there, and so are conversions to and from f16
/// and matrices without units for them: on lavapipe 26.2 (2026-11-21, Q4_0, m = n = 64, k = 1024) `lane_tile_subgroup`
/// does 16 GF/s, `gemm_coop_8` 3.6, `gemm_f16` 2.6.
const CPU: &[Rung] = &[
    ("lane_tile_dp4a_subgroup", 1, DOTS_M),
    ("lane_tile_pairs_subgroup", 1, usize::MAX),
    ("lane_tile_pairs", 1, usize::MAX),
    ("lane_tile_subgroup", 1, usize::MAX),
    ("lane_tile", 1, usize::MAX),
];

/// The ladder of cards, best kernel first.
const GPU: &[Rung] = &[
    ("gemv_dp4a_2bit_subgroup", 1, GEMV_DP4A_M),
    ("gemv_dp4a_2bit", 1, GEMV_DP4A_M),
    ("gemv_dp4a_subgroup", 1, GEMV_DP4A_M),
    ("gemv_dp4a", 1, GEMV_DP4A_M),
    ("gemm_dp4a", 1, usize::MAX),
    ("gemv_subgroup", 1, HALVES_M),
    ("gemv", 1, HALVES_M),
    ("gemm_coop_16", MATRIX_M, usize::MAX),
    ("gemm_coop_8", MATRIX_M, usize::MAX),
    ("gemm_f16", 1, usize::MAX),
    ("gemv_subgroup", 1, GEMV_M),
    ("gemv", 1, GEMV_M),
    ("gemm", 1, usize::MAX),
];

/// The most rows of x that cards multiply in several tiles of a GEMV. Lane-instructions of a weight and a row of x, Q4_0,
/// GEMV and tile of 64: 2.1, and 1.8 as a mean of the lanes, a quarter of which decode, on NVK (Mesa 26.2, 2026-11-26). Two
/// tiles of 64 pay from about 110 rows on.
const GEMV_M: usize = 112;

/// The same in bytes, where a GEMV takes 0.8 lane-instructions and a tile 1.6, but reads W once for every 12 rows of x.
const GEMV_DP4A_M: usize = 128;

/// The same where halves may be multiplied: one GEMV. `gemm_f16` with 16 rows of x takes 1.4 lane-instructions of a weight
/// and a row on RADV, 1.8 on NVK (as above).
const HALVES_M: usize = 12;

/// The fewest rows of x that fill the tiles of matrix units.
const MATRIX_M: usize = 64;

/// The product kernels of the ladder that fit m rows of x, best first. The last rung needs nothing and is always among
/// them: where m or the device is too small even for it, making it says so.
pub(crate) fn ladder(traits: &Traits, format: Format, m: usize, precision: Precision) -> Vec<&'static Kernel> {
    let ladder = match traits.class {
        DeviceClass::Cpu => CPU,
        DeviceClass::Gpu => GPU,
    };
    let last = ladder.len() - 1;
    let fitting = |(rung, &(name, fewest, most)): (usize, &Rung)| {
        let kernel = by_name(name).expect("the ladder names kernels of the table");
        let fits = (fewest..=most).contains(&m)
            && kernel.check(traits, format, precision).is_ok()
            && (kernel.tuning)(traits, m).memory <= traits.memory;
        (fits || rung == last).then_some(kernel)
    };
    ladder.iter().enumerate().filter_map(fitting).collect()
}

/// Workgroups that keep a card busy. Untuned: no card was at hand, and no API tells the number of cores.
const BUSY: u64 = 64;

/// Slices of k for a product of this many tiles, where the tiles alone would leave half of a card idle. A slice has at
/// least 512 weights, so that adding the sums stays the smaller part. On processors every tile is long work already.
pub(crate) fn slices(traits: &Traits, tiles: u64, k: usize) -> u32 {
    match traits.class {
        DeviceClass::Gpu if tiles <= BUSY / 2 => (BUSY / tiles.max(1)).min(k as u64 / 512).max(1) as u32,
        _ => 1,
    }
}

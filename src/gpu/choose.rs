//! Which kernel a product gets.

use super::kernels::{by_name, Kernel};
use super::traits::{DeviceClass, Traits};
use super::tuning::GEMV_COLS;
use crate::{Format, Precision};

/// A kernel, for up to so many rows of x.
type Rung = (&'static str, usize);

/// The largest m for which dots of bytes beat products of pairs on a processor: lavapipe 26.2, Q4_0, GFLOP/s a CPU
/// second at m = 1, 2, 4, 8, 32: 13, 15, 22, 26, 40 against 7, 9, 17, 28, 51 (f32: 10, 13, 19, 24, 29; 4096 x
/// 4096, 2026-11-21).
const DOTS_COLS: usize = 4;

/// What to try on a processor, best first. Workgroup memory is slow there.
const CPU: &[Rung] = &[
    ("lane_tile_dp4a_subgroup", DOTS_COLS),
    ("lane_tile_pairs_subgroup", usize::MAX),
    ("lane_tile_pairs", usize::MAX),
    ("lane_tile_subgroup", usize::MAX),
    ("lane_tile", usize::MAX),
];

/// What to try on a card, best first.
const GPU: &[Rung] = &[
    ("gemv_dp4a_2bit_subgroup", GEMV_COLS),
    ("gemv_dp4a_2bit", GEMV_COLS),
    ("gemv_dp4a_subgroup", GEMV_COLS),
    ("gemv_dp4a", GEMV_COLS),
    ("gemm_dp4a", usize::MAX),
    ("gemv_subgroup", GEMV_COLS),
    ("gemv", GEMV_COLS),
    ("gemm", usize::MAX),
];

/// The product kernel for m rows of x: the first of the ladder that fits.
pub(crate) fn choose(
    traits: &Traits,
    format: Format,
    m: usize,
    precision: Precision,
) -> &'static Kernel {
    let ladder = match traits.class {
        DeviceClass::Cpu => CPU,
        DeviceClass::Gpu => GPU,
    };
    let fits = |&&(name, most): &&Rung| {
        let kernel = by_name(name).expect("the ladder names kernels of the table");
        m <= most && kernel.check(traits, format, precision).is_ok()
    };
    let (name, _) = ladder
        .iter()
        .find(fits)
        .expect("the last rung needs nothing");
    by_name(name).expect("the ladder names kernels of the table")
}

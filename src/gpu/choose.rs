//! Which kernel a product gets.

use super::kernels::{by_name, Kernel};
use super::traits::{DeviceClass, Traits};
use super::tuning::GEMV_COLS;
use crate::{Format, Precision};

/// A kernel, for up to so many rows of x.
type Rung = (&'static str, usize);

/// What to try on a processor, best first. Workgroup memory is slow there.
const CPU: &[Rung] = &[
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

/// Workgroups that keep a card busy. Untuned: no card was at hand, and wgpu does not tell how many cores
/// there are.
const BUSY: u64 = 64;

/// Slices of k for a product of so many tiles: where they would leave half of a card idle. A slice has 512
/// weights at least, so that adding sums up stays the smaller part. On processors every tile is
/// long work already.
pub(crate) fn slices(traits: &Traits, tiles: u64, k: usize) -> u32 {
    match traits.class {
        DeviceClass::Gpu if tiles <= BUSY / 2 => {
            (BUSY / tiles.max(1)).min(k as u64 / 512).max(1) as u32
        }
        _ => 1,
    }
}

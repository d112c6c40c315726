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

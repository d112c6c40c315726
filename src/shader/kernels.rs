//! The table of kernels, in groups that share a file and a tuning: what each is made of, what it needs, and its numbers
//! for a device and m rows of x. `choose.rs` says which one a product gets.

use super::caps::Caps;
use super::coop::gemm_coop;
pub(crate) use super::file::{File, text};
use super::gemv;
use super::integers::PAIRS;
pub(crate) use super::kernel::{Kernel, KernelInfo, Shape};
use super::needs::Needs;
use super::traits::{DeviceClass, Traits};
use super::tuning::{CPU_LANE_M, LEVELS_BYTES, Lookup, Tuning, lane_m_of};
use crate::family::PART;

/// Sums whose error does not grow with their length.
pub(crate) const SUMS: File = text!("sums.wgsl");

/// The same for all sums of a lane.
const KEPT_SUMS: File = text!("kept_sums.wgsl");

const PLAIN_ENTRY: File = text!("entries/plain.wgsl");
const IN_SUBGROUP: File = text!("entries/in_subgroup.wgsl");
const BY_SUBGROUP: File = text!("entries/by_subgroup.wgsl");
const MEMORY: File = text!("reduce/memory.wgsl");
const SHUFFLES: File = text!("reduce/subgroup.wgsl");

const ROWS: &[Kernel] = &[
    Kernel {
        name: "gemv",
        text: &[SUMS, KEPT_SUMS, PLAIN_ENTRY, MEMORY, text!("kernels/gemv.wgsl")],
        slices: true,
        tuning: gemv::plain,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_subgroup",
        text: &[SUMS, KEPT_SUMS, BY_SUBGROUP, SHUFFLES, text!("kernels/gemv.wgsl")],
        needs: Needs::SUBGROUP,
        slices: true,
        tuning: gemv::subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm",
        text: &[SUMS, PLAIN_ENTRY, text!("kernels/gemm.wgsl")],
        slices: true,
        tuning: gemm,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile",
        text: &[
            SUMS,
            KEPT_SUMS,
            PLAIN_ENTRY,
            text!("spread/loads.wgsl"),
            text!("kernels/lane_tile.wgsl"),
        ],
        tuning: lane_tile,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            IN_SUBGROUP,
            text!("spread/subgroup.wgsl"),
            text!("kernels/lane_tile.wgsl"),
        ],
        needs: Needs::SUBGROUP,
        tuning: lane_tile_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a",
        text: &[SUMS, KEPT_SUMS, PLAIN_ENTRY, MEMORY, text!("kernels/gemv_dp4a.wgsl")],
        needs: Needs::INTEGERS,
        tuning: gemv::dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_subgroup",
        text: &[SUMS, KEPT_SUMS, BY_SUBGROUP, SHUFFLES, text!("kernels/gemv_dp4a.wgsl")],
        needs: Needs::SUBGROUP_INTEGERS,
        tuning: gemv::dp4a_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_2bit",
        text: &[SUMS, KEPT_SUMS, PLAIN_ENTRY, MEMORY, text!("kernels/gemv_dp4a.wgsl")],
        needs: Needs {
            bits: Some(2),
            ..Needs::INTEGERS
        },
        tuning: gemv::dp4a_2bit,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_2bit_subgroup",
        text: &[SUMS, KEPT_SUMS, BY_SUBGROUP, SHUFFLES, text!("kernels/gemv_dp4a.wgsl")],
        needs: Needs {
            bits: Some(2),
            ..Needs::SUBGROUP_INTEGERS
        },
        tuning: gemv::dp4a_2bit_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_dp4a",
        text: &[SUMS, PLAIN_ENTRY, text!("kernels/gemm_dp4a.wgsl")],
        needs: Needs::INTEGERS,
        tuning: gemm_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_dp4a",
        text: &[
            SUMS,
            KEPT_SUMS,
            PLAIN_ENTRY,
            text!("spread/bytes_loads.wgsl"),
            text!("kernels/lane_tile_dp4a.wgsl"),
        ],
        needs: Needs::INTEGERS,
        tuning: lane_tile_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_dp4a_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            IN_SUBGROUP,
            text!("spread/bytes_subgroup.wgsl"),
            text!("kernels/lane_tile_dp4a.wgsl"),
        ],
        needs: Needs::SUBGROUP_INTEGERS,
        tuning: lane_tile_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_pairs",
        text: &[
            PAIRS,
            SUMS,
            KEPT_SUMS,
            PLAIN_ENTRY,
            text!("spread/bytes_loads.wgsl"),
            text!("spread/pairs_loads.wgsl"),
            text!("kernels/lane_tile_pairs.wgsl"),
        ],
        needs: Needs::INTEGERS,
        pairs: true,
        tuning: lane_tile_pairs,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_pairs_subgroup",
        text: &[
            PAIRS,
            SUMS,
            KEPT_SUMS,
            IN_SUBGROUP,
            text!("spread/bytes_subgroup.wgsl"),
            text!("spread/pairs_subgroup.wgsl"),
            text!("kernels/lane_tile_pairs.wgsl"),
        ],
        needs: Needs::SUBGROUP_INTEGERS,
        pairs: true,
        tuning: lane_tile_pairs,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_f16",
        text: &[PLAIN_ENTRY, text!("kernels/gemm_f16.wgsl")],
        needs: Needs::F16,
        tuning: gemm_f16,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_coop_8",
        text: &[BY_SUBGROUP, text!("coop/tile8.wgsl"), text!("kernels/gemm_coop.wgsl")],
        needs: Needs::matrices(8),
        tuning: |traits, m| gemm_coop(traits, 8, m),
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_coop_16",
        text: &[BY_SUBGROUP, text!("coop/tile16.wgsl"), text!("kernels/gemm_coop.wgsl")],
        needs: Needs::matrices(16),
        tuning: |traits, m| gemm_coop(traits, 16, m),
        ..Kernel::PLAIN
    },
    Kernel {
        name: "get_rows",
        shape: Shape::IndexedRows,
        text: &[text!("kernels/get_rows.wgsl")],
        ..Kernel::PLAIN
    },
    Kernel {
        name: "dequantize",
        shape: Shape::AllRows,
        text: &[text!("kernels/get_rows.wgsl")],
        ..Kernel::PLAIN
    },
    Kernel {
        name: "inspect",
        shape: Shape::Inspect,
        text: &[text!("kernels/inspect.wgsl")],
        ..Kernel::PLAIN
    },
];

pub(crate) static TABLE: &[Kernel] = ROWS;

/// All kernels: those of products, then those that decode.
pub const KERNELS: &[KernelInfo] = &{
    let mut infos = [KernelInfo::of(&ROWS[0]); ROWS.len()];
    let mut i = 0;
    while i < infos.len() {
        infos[i] = KernelInfo::of(&ROWS[i]);
        i += 1;
    }
    infos
};

/// The kernel of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Kernel> {
    TABLE.iter().find(|k| k.name == name)
}

/// The second pass of a product whose k was sliced. Not in the table: it has no weights.
pub(crate) static SUM_SLICES: Kernel = Kernel {
    name: "sum_slices",
    text: &[SUMS, text!("kernels/sum_slices.wgsl")],
    ..Kernel::PLAIN
};

/// Rows of x of a card's tile: few columns of sums where there are few rows, at the price of decoding for fewer.
fn tile_m_of(m: usize) -> u32 {
    match m {
        ..=16 => 16,
        17..=32 => 32,
        _ => 64,
    }
}

fn gemm(traits: &Traits, m: usize) -> Tuning {
    let (tile_n, tile_m) = (64, tile_m_of(m));
    let memory = (tile_n + tile_m) * PART as u32 * 4;
    Tuning {
        workgroup: tile_n * tile_m / 16,
        tile_n,
        tile_m,
        memory,
        consts: vec![("TURNS", turns(traits))],
        ..Tuning::default()
    }
    .with_tables(traits, LEVELS_BYTES)
}

/// Written out, the inner loop of a tile has no counter and no index that naga must clamp: `gemm` for Q4_0 takes 2.5
/// instructions a product in place of 3.3 on NVK, 2.1 in place of 2.9 on RADV (Mesa 26.2, m = 512, 2026-11-26). Software
/// drivers compile it for longer: tests/gpu_matmul.rs takes 289 s in place of 104 (lavapipe 22.3, cold).
fn turns(traits: &Traits) -> u32 {
    match traits.class {
        DeviceClass::Cpu => 1,
        DeviceClass::Gpu => 8,
    }
}

/// More than 32 sums in a lane, and as many for each part, would leave room for one workgroup on a multiprocessor.
/// Untuned: no card was at hand. Processors get this kernel only when it is named: few sums there take half the time to
/// compile on lavapipe.
fn gemm_f16(traits: &Traits, m: usize) -> Tuning {
    let (lane_n, lane_m, tile_m) = match traits.class {
        DeviceClass::Cpu => (2, 2, 32),
        DeviceClass::Gpu => (8, 4, tile_m_of(m)),
    };
    let tile_n = 16 * lane_n;
    let memory = (tile_n + tile_m) * PART as u32 * 2;
    Tuning {
        workgroup: 16 * tile_m / lane_m,
        tile_n,
        tile_m,
        memory,
        consts: vec![("LANE_N", lane_n), ("LANE_M", lane_m), ("TURNS", turns(traits))],
        ..Tuning::default()
    }
    .with_tables(traits, LEVELS_BYTES)
}

/// A lane owns eight rows of W for one or two rows of x, else four: other numbers take up to a third longer on lavapipe
/// 26.2 (Q4_0, 4096 x 4096, m = 1 to 8, 2026-11-21).
fn lane_tile(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m_of(m);
    let lane_n = if lane_m <= 2 { 8 } else { 4 };
    let mut tuning = lane_tile_of(traits, 32, lane_n, lane_m);
    tuning.holds_scales = true;
    tuning.halves = true;
    tuning
}

/// As `lane_tile`, in subgroups.
fn lane_tile_subgroup(traits: &Traits, m: usize) -> Tuning {
    Tuning {
        lookup: match traits.subgroup.0 {
            ..8 => Lookup::Selects,
            _ => Lookup::Subgroup,
        },
        ..lane_tile(traits, m)
    }
}

/// Two parts at a time; four affines a part, which some formats have, need most memory.
fn gemm_dp4a(_: &Traits, m: usize) -> Tuning {
    let (tile_n, tile_m) = (64, tile_m_of(m));
    Tuning {
        workgroup: tile_n * tile_m / 16,
        tile_n,
        tile_m,
        memory: 2 * (tile_n * (32 + 4 * 12) + tile_m * (32 + 16)),
        ..Tuning::default()
    }
}

fn lane_tile_dp4a(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m_of(m);
    lane_tile_of(traits, 32, if lane_m <= 2 { 8 } else { 4 }, lane_m)
}

/// A lane owns up to twice as many rows of x as in the other `lane_tile` kernels, since this kernel waits for weights.
/// Q4_0 on lavapipe 26.2, m = 32, GFLOP/s a CPU second: 45 for 8 rows of x, 51 for 16, 39 for 32 (4096 x 4096,
/// 2026-11-21).
fn lane_tile_pairs(traits: &Traits, m: usize) -> Tuning {
    let lane_m = m.clamp(1, 2 * CPU_LANE_M).next_power_of_two() as u32;
    let workgroup = if lane_m <= CPU_LANE_M as u32 { 32 } else { 16 };
    lane_tile_of(traits, workgroup, if lane_m <= 2 { 8 } else { 4 }, lane_m)
}

fn lane_tile_of(traits: &Traits, workgroup: u32, lane_n: u32, lane_m: u32) -> Tuning {
    Tuning {
        workgroup,
        tile_n: workgroup * lane_n,
        tile_m: lane_m,
        memory: 0,
        whole_rows: true,
        long_words: traits.caps.contains(Caps::SHADER_INT64),
        lane: Some((lane_n, lane_m)),
        consts: vec![("SUBGROUP", traits.subgroup.0.clamp(1, 8))],
        ..Tuning::default()
    }
}

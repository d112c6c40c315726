//! The numbers of each kernel, for a device and m rows of x.

use super::caps::Caps;
use super::kernels::{File, INTERLEAVE, text};
use super::traits::{DeviceClass, Traits};
use crate::family::PART;

/// The numbers of one compiled kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Invocations in a workgroup.
    pub workgroup: u32,
    /// Rows of weights that a workgroup owns.
    pub tile_rows: u32,
    /// Rows of x that a workgroup owns.
    pub tile_cols: u32,
    /// Rows of weights and rows of x whose products a lane adds up, where it does so on its own: ROWS and COLS.
    pub lane: Option<(u32, u32)>,
    /// Bytes of workgroup memory.
    pub memory: u32,
    /// Whether a lane owns whole rows.
    pub whole_rows: bool,
    /// Whether codes are read in words of 64 bits.
    pub long_words: bool,
    /// Whether lanes hold units of the scale plane that serve many parts.
    pub holds_scales: bool,
    /// Whether tables of levels are looked up in the registers of a subgroup.
    pub shuffles: bool,
    /// Constants of the kernel's own.
    pub consts: Vec<(&'static str, u32)>,
}

impl Tuning {
    /// The snippets that say what a lane owns and, of lanes with whole rows, when their sums are settled.
    pub fn parts(&self) -> Vec<File> {
        let mut files = Vec::new();
        if self.lane.is_some() {
            files.push(text!("parts/tile.wgsl"));
        }
        if self.whole_rows {
            files.push(match self.tile_cols {
                ..8 => text!("parts/settle_within.wgsl"),
                _ => text!("parts/settle_between.wgsl"),
            });
        }
        files
    }
}

/// The largest m for which the product is a matrix times a few vectors.
pub(crate) const GEMV_COLS: usize = 8;

/// Columns of a few-column kernel for m rows of x: few kinds, so that few kernels are compiled.
fn columns(m: usize) -> u32 {
    m.clamp(1, GEMV_COLS).next_power_of_two() as u32
}

/// Untuned: no card was at hand.
pub(crate) fn gemv(_: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    gemv_of(128, 16, if cols <= 4 { 2 } else { 1 }, cols, 4)
}

/// A subgroup's octets share rows, so that no memory is needed to add up their sums. Untuned.
pub(crate) fn gemv_subgroup(traits: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    gemv_of(128, lanes_k(traits), if cols <= 4 { 2 } else { 1 }, cols, 0)
}

fn gemv_of(workgroup: u32, lanes_k: u32, rows: u32, cols: u32, bytes: u32) -> Tuning {
    let octets = workgroup / (INTERLEAVE as u32 * lanes_k);
    Tuning {
        workgroup,
        tile_rows: octets * INTERLEAVE as u32 * rows,
        tile_cols: cols,
        memory: workgroup * rows * cols * bytes,
        lane: Some((rows, cols)),
        consts: vec![("LANES_K", lanes_k)],
        ..Tuning::default()
    }
}

pub(crate) fn gemm(_: &Traits, _: usize) -> Tuning {
    Tuning {
        workgroup: 256,
        tile_rows: 64,
        tile_cols: 64,
        memory: 16384,
        ..Tuning::default()
    }
}

/// 16 lanes by 16, each with ROWS rows by COLS columns; more sums than 32 in a lane, with as many for each
/// part, leave room for one workgroup on a multiprocessor. Untuned: no card was at hand. On processors, which
/// are never given this kernel unasked, few: half the time to compile on lavapipe.
pub(crate) fn gemm_f16(traits: &Traits, _: usize) -> Tuning {
    let (rows, cols) = match traits.class {
        DeviceClass::Cpu => (2, 2),
        DeviceClass::Gpu => (8, 4),
    };
    Tuning {
        workgroup: 256,
        tile_rows: 16 * rows,
        tile_cols: 16 * cols,
        memory: 16 * (rows + cols) * PART as u32 * 2,
        consts: vec![("ROWS", rows), ("COLS", cols)],
        ..Tuning::default()
    }
}

/// Halves from one row of a tile to the next: 8 more than a part has.
const COOP_STRIDE: u32 = PART as u32 + 8;

/// Matrices of `side` by `side`. Untuned: no card was at hand; 128 x 128 is what peers found best on
/// NVIDIA, 64 x 64 on Apple and Intel.
pub(crate) fn gemm_coop(traits: &Traits, side: u32, m: usize) -> Tuning {
    let of = |tile: u32| {
        // Twice as many lanes as rows: one half decodes weights while the other fetches x.
        let workgroup = 2 * tile;
        // A workgroup that is no whole number of subgroups gives wrong sums.
        let lanes = traits.subgroup.1.next_power_of_two().min(workgroup);
        let subgroups = (workgroup / lanes).min((tile / side) * (tile / side));
        // What each subgroup owns is kept as square as it can be.
        let (mut rows, mut cols, mut beside) = (tile / side, tile / side, 1);
        for _ in 0..subgroups.ilog2() {
            match cols >= rows {
                true => cols /= 2,
                false => (rows, beside) = (rows / 2, beside * 2),
            }
        }
        Tuning {
            workgroup,
            tile_rows: tile,
            tile_cols: tile,
            memory: 2 * tile * COOP_STRIDE * 2 + subgroups * side * side * 4,
            consts: vec![
                ("MATRIX", side),
                ("STRIDE", COOP_STRIDE),
                ("SUBGROUPS", subgroups),
                ("SUB_ROWS", rows),
                ("SUB_COLS", cols),
                ("GRID_ROWS", beside),
            ],
            ..Tuning::default()
        }
    };
    let wide = of(128);
    match traits.class {
        // Half the time of 64 on lavapipe, and a third of the time to compile.
        DeviceClass::Cpu => of(32),
        DeviceClass::Gpu if side == 16 && m > 64 && wide.memory <= traits.memory => wide,
        DeviceClass::Gpu => of(64),
    }
}

/// Eight rows a lane for one or two columns, else four: on lavapipe 26.2 (Q4_0, 4096 x 4096, m = 1 to 8,
/// 2026-11-21) others take up to a third longer.
pub(crate) fn lane_tile(traits: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    let rows = if cols <= 2 { 8 } else { 4 };
    let mut tuning = lane_tile_of(traits, 32, rows, cols);
    tuning.holds_scales = true;
    tuning
}

/// As `lane_tile`, in subgroups.
pub(crate) fn lane_tile_subgroup(traits: &Traits, m: usize) -> Tuning {
    Tuning {
        shuffles: traits.subgroup.0 >= 8,
        ..lane_tile(traits, m)
    }
}

/// Untuned: no card was at hand.
pub(crate) fn gemv_dp4a(_: &Traits, m: usize) -> Tuning {
    gemv_of(128, 16, 2, columns(m), 4)
}

/// Untuned.
pub(crate) fn gemv_dp4a_subgroup(traits: &Traits, m: usize) -> Tuning {
    gemv_of(128, lanes_k(traits), 2, columns(m), 0)
}

/// Fields of one or two bits leave registers for twice the rows. Untuned for cards; TQ2_0 on lavapipe 26.2, m = 1,
/// GFLOP/s a CPU second: 8.2 where the general row makes 4.8, by subgroups 16.0 and 11.7 (2026-11-21).
pub(crate) fn gemv_dp4a_2bit(_: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    gemv_of(128, 16, if cols <= 4 { 4 } else { 2 }, cols, 4)
}

/// Untuned.
pub(crate) fn gemv_dp4a_2bit_subgroup(traits: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    let rows = if cols <= 4 { 4 } else { 2 };
    gemv_of(128, lanes_k(traits), rows, cols, 0)
}

/// Octets that share a row within the smallest subgroup, one in subgroups of less than 16 lanes: sizes that vary from
/// shader to shader leave the smallest to rely on.
fn lanes_k(traits: &Traits) -> u32 {
    (traits.subgroup.0 / INTERLEAVE as u32).clamp(1, 16)
}

/// Untuned: no card was at hand.
pub(crate) fn gemm_dp4a(_: &Traits, _: usize) -> Tuning {
    Tuning {
        workgroup: 256,
        tile_rows: 64,
        tile_cols: 64,
        // Of formats with four affines a part.
        memory: 16 * 1024,
        ..Tuning::default()
    }
}

pub(crate) fn lane_tile_dp4a(traits: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    lane_tile_of(traits, 32, if cols <= 2 { 8 } else { 4 }, cols)
}

/// Twice the columns of other few-column kernels: reading weights is what it waits for. Q4_0 on lavapipe 26.2,
/// m = 32, GFLOP/s a CPU second: 45 for 8 columns, 51 for 16, 39 for 32 (4096 x 4096, 2026-11-21).
pub(crate) fn lane_tile_pairs(traits: &Traits, m: usize) -> Tuning {
    let cols = m.clamp(1, 2 * GEMV_COLS).next_power_of_two() as u32;
    let workgroup = if cols <= GEMV_COLS as u32 { 32 } else { 16 };
    lane_tile_of(traits, workgroup, if cols <= 2 { 8 } else { 4 }, cols)
}

fn lane_tile_of(traits: &Traits, workgroup: u32, rows: u32, cols: u32) -> Tuning {
    Tuning {
        workgroup,
        tile_rows: workgroup * rows,
        tile_cols: cols,
        memory: 0,
        whole_rows: true,
        long_words: traits.caps.contains(Caps::SHADER_INT64),
        lane: Some((rows, cols)),
        consts: vec![("SUBGROUP", traits.subgroup.0.clamp(1, 8))],
        ..Tuning::default()
    }
}

pub(crate) fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        ..Tuning::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a device's subgroups: they cover a tile of matrices once, and fit in the workgroup.
    #[test]
    fn subgroups_share_a_tile_of_matrices() {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            for (lanes, memory, m) in [4, 8, 16, 32, 64, 128]
                .into_iter()
                .flat_map(|l| [(l, 16 << 10, 64), (l, 16 << 10, 65), (l, 32 << 10, 65)])
            {
                let mut traits = Traits::typical(class, Caps::ALL);
                (traits.subgroup, traits.memory) = ((lanes, lanes), memory);
                for side in [8, 16] {
                    let t = gemm_coop(&traits, side, m);
                    let of = |name| t.consts.iter().find(|(n, _)| *n == name).unwrap().1;
                    let (subgroups, beside) = (of("SUBGROUPS"), of("GRID_ROWS"));
                    let at = format!("{class:?}, {lanes} lanes, {memory} bytes, m = {m}: {t:?}");
                    assert_eq!(beside * of("SUB_ROWS") * side, t.tile_rows, "{at}");
                    let cols = subgroups / beside * of("SUB_COLS") * side;
                    assert_eq!(cols, t.tile_cols, "{at}");
                    assert!(t.workgroup.is_multiple_of(lanes.min(t.workgroup)), "{at}");
                    assert!(subgroups * lanes.min(t.workgroup) <= t.workgroup, "{at}");
                    let wide = t.tile_rows == 128;
                    assert!(!wide || t.memory <= memory && side == 16 && m > 64, "{at}");
                }
            }
        }
    }
}

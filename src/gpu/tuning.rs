//! The numbers of each kernel, for a device and m rows of x.

use super::kernels::INTERLEAVE;
use super::traits::Traits;

/// The numbers of one compiled kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Invocations in a workgroup.
    pub workgroup: u32,
    /// Rows of weights that a workgroup owns.
    pub tile_rows: u32,
    /// Rows of x that a workgroup owns.
    pub tile_cols: u32,
    /// Bytes of workgroup memory.
    pub memory: u32,
    /// Constants of the kernel's own.
    pub consts: Vec<(&'static str, u32)>,
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
    // Sizes that vary from shader to shader leave the smallest to rely on; below 16 lanes, none share.
    let lanes_k = (traits.subgroup.0 / INTERLEAVE as u32).clamp(1, 16);
    gemv_of(128, lanes_k, if cols <= 4 { 2 } else { 1 }, cols, 0)
}

fn gemv_of(workgroup: u32, lanes_k: u32, rows: u32, cols: u32, bytes: u32) -> Tuning {
    let octets = workgroup / (INTERLEAVE as u32 * lanes_k);
    Tuning {
        workgroup,
        tile_rows: octets * INTERLEAVE as u32 * rows,
        tile_cols: cols,
        memory: workgroup * rows * cols * bytes,
        consts: vec![("LANES_K", lanes_k), ("ROWS", rows), ("COLS", cols)],
    }
}

pub(crate) fn gemm(_: &Traits, _: usize) -> Tuning {
    Tuning {
        workgroup: 256,
        tile_rows: 64,
        tile_cols: 64,
        memory: 16384,
        consts: vec![],
    }
}

pub(crate) fn lane_tile(traits: &Traits, m: usize) -> Tuning {
    let cols = columns(m);
    let rows = if cols <= 2 { 8 } else { 4 };
    let workgroup = 32;
    Tuning {
        workgroup,
        tile_rows: workgroup * rows,
        tile_cols: cols,
        memory: 0,
        consts: vec![
            ("ROWS", rows),
            ("COLS", cols),
            ("SUBGROUP", traits.subgroup.0.clamp(1, 8)),
        ],
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

/// Fields of one or two bits leave registers for twice the rows. Untuned.
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

/// Octets that share a row within the smallest subgroup: one in subgroups of less than 16 lanes.
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
        memory: 14 * 1024,
        consts: vec![],
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
        consts: vec![
            ("ROWS", rows),
            ("COLS", cols),
            ("SUBGROUP", traits.subgroup.0.clamp(1, 8)),
        ],
    }
}

pub(crate) fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        tile_rows: 0,
        tile_cols: 0,
        memory: 0,
        consts: vec![],
    }
}

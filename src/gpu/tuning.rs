//! The numbers of each kernel, for a device and m rows of x.

use super::kernels::INTERLEAVE;
use super::traits::Traits;
use wgpu::Features;

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
    /// Whether codes are read in words of 64 bits.
    pub long_words: bool,
    /// Whether lanes hold units of the scale plane that serve many parts.
    pub holds_scales: bool,
    /// Whether tables of levels are looked up in the registers of a subgroup.
    pub shuffles: bool,
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
        long_words: false,
        holds_scales: false,
        shuffles: false,
        consts: vec![("LANES_K", lanes_k), ("ROWS", rows), ("COLS", cols)],
    }
}

pub(crate) fn gemm(_: &Traits, _: usize) -> Tuning {
    Tuning {
        workgroup: 256,
        tile_rows: 64,
        tile_cols: 64,
        memory: 16384,
        long_words: false,
        holds_scales: false,
        shuffles: false,
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
        long_words: traits.features.contains(Features::SHADER_INT64),
        holds_scales: true,
        shuffles: false,
        consts: vec![
            ("ROWS", rows),
            ("COLS", cols),
            // Where every row serves many columns, misses are few.
            ("TOUCHED_ROWS", if cols == 1 { rows } else { 0 }),
            ("SUBGROUP", traits.subgroup.0.clamp(1, 8)),
        ],
    }
}

/// As `lane_tile`, in subgroups.
pub(crate) fn lane_tile_subgroup(traits: &Traits, m: usize) -> Tuning {
    Tuning {
        shuffles: traits.subgroup.0 >= 8,
        ..lane_tile(traits, m)
    }
}

pub(crate) fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        tile_rows: 0,
        tile_cols: 0,
        memory: 0,
        long_words: false,
        holds_scales: false,
        shuffles: false,
        consts: vec![],
    }
}

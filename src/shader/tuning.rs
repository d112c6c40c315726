//! The numbers that a kernel is compiled with.

use super::file::{File, text};

/// The numbers of one compiled kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Invocations in a workgroup.
    pub workgroup: u32,
    /// Rows of W that a workgroup owns.
    pub tile_n: u32,
    /// Rows of x that a workgroup owns.
    pub tile_m: u32,
    /// Rows of W and rows of x whose sums a lane owns: LANE_N and LANE_M. None where a workgroup shares its sums.
    pub lane: Option<(u32, u32)>,
    /// Bytes of workgroup memory.
    pub memory: u32,
    /// Whether a lane owns whole rows of W.
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
    /// The snippets that say what a lane owns and, where it owns whole rows, when its sums are settled.
    pub fn parts(&self) -> Vec<File> {
        let mut files = Vec::new();
        if self.lane.is_some() {
            files.push(text!("parts/tile.wgsl"));
        }
        if self.whole_rows {
            files.push(match self.tile_m {
                ..8 => text!("parts/settle_within.wgsl"),
                _ => text!("parts/settle_between.wgsl"),
            });
        }
        files
    }
}

/// The most rows of x for which a product is a matrix times a few vectors.
pub(crate) const GEMV_M: usize = 8;

/// For kernels whose invocations own one part, or one output, each.
pub(crate) fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        ..Tuning::default()
    }
}

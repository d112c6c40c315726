//! The numbers that a kernel is compiled with.

use super::file::{File, text};
use super::traits::{DeviceClass, Traits};

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
    /// Where tables of levels are looked up.
    pub lookup: Lookup,
    /// Bytes of workgroup memory for what `Lookup::Memory` keeps there.
    pub spare: u32,
    /// Whether small floats are made by way of halves, which takes a device that keeps subnormal ones.
    pub halves: bool,
    /// Constants of the kernel's own.
    pub consts: Vec<(&'static str, u32)>,
}

/// How a code becomes the level that a table has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// A tree of selects.
    #[default]
    Selects,
    /// Registers of a subgroup of at least eight lanes.
    Subgroup,
    /// Workgroup memory, and so are points of lattices.
    Memory,
}

/// Sixteen floats.
pub(crate) const LEVELS_BYTES: u32 = 64;

/// Pairs of 16 levels, a word each.
pub(crate) const PAIRS_BYTES: u32 = 1024;

impl Tuning {
    /// With tables in workgroup memory where they fit and take at most so many bytes. Untuned for cards but by count of
    /// instructions: `benches/isa`.
    pub fn with_tables(mut self, traits: &Traits, most: u32) -> Tuning {
        if traits.class == DeviceClass::Gpu {
            self.lookup = Lookup::Memory;
            self.spare = traits.memory.saturating_sub(self.memory).min(most);
        }
        self
    }

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

/// Rows whose units lie next to each other: eight 16-byte loads of neighbouring lanes read 128 contiguous bytes.
pub(crate) const INTERLEAVE: usize = 8;

/// The most rows of x that a lane of a processor's kernel owns.
pub(crate) const CPU_LANE_M: usize = 8;

/// Rows of x that a lane of a processor's kernel owns, of m: powers of two, so that few kernels are compiled.
pub(crate) fn lane_m_of(m: usize) -> u32 {
    m.clamp(1, CPU_LANE_M).next_power_of_two() as u32
}

/// For kernels whose invocations own one part, or one output, each.
pub(crate) fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        ..Tuning::default()
    }
}

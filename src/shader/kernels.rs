//! The table of kernels: what each is made of and what it needs. `tuning.rs` has their numbers,
//! `choose.rs` says which one a product gets.

use super::integers::{self, PAIRS};
use super::needs::Needs;
use super::traits::Traits;
use super::tuning::{self, Tuning};
use crate::{Error, Format, Precision, Result};

/// What the third and later bindings of a kernel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// x and y of a product.
    Product,
    /// Indices of rows, and the rows.
    IndexedRows,
    /// A range of rows.
    AllRows,
    /// What the format made of its planes.
    Inspect,
}

/// A path under `shaders/`, and the text.
pub(crate) type File = (&'static str, &'static str);

/// One row of the table.
pub(crate) struct Kernel {
    pub name: &'static str,
    pub shape: Shape,
    /// Snippets of the kernel's own, then the kernel.
    pub text: &'static [File],
    pub needs: Needs,
    /// Whether it calls `begin`, with which levels are made ready.
    pub begins: bool,
    /// Whether workgroups can add up slices of k: the kernel asks for its range of parts.
    pub slices: bool,
    /// Whether it multiplies two bytes at a time.
    pub pairs: bool,
    /// Numbers printed into the shader, for a device and m rows of x.
    pub tuning: fn(&Traits, usize) -> Tuning,
}

/// Rows whose units lie side by side: eight 16-byte loads of neighbouring lanes are one run of 128.
pub(crate) const INTERLEAVE: usize = 8;

macro_rules! text {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
        )
    };
}
pub(crate) use text;

/// Sums whose error does not grow with their length.
pub(crate) const SUMS: File = text!("sums.wgsl");

/// The same of a whole lane.
const KEPT_SUMS: File = text!("kept_sums.wgsl");

const ROWS: [Kernel; 20] = [
    Kernel {
        name: "gemv",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("reduce/memory.wgsl"),
            text!("kernels/gemv.wgsl"),
        ],
        slices: true,
        tuning: tuning::gemv,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/by_subgroup.wgsl"),
            text!("reduce/subgroup.wgsl"),
            text!("kernels/gemv.wgsl"),
        ],
        needs: Needs::SUBGROUP,
        slices: true,
        tuning: tuning::gemv_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm",
        text: &[SUMS, text!("kernels/gemm.wgsl")],
        slices: true,
        tuning: tuning::gemm,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("spread/loads.wgsl"),
            text!("kernels/lane_tile.wgsl"),
        ],
        begins: true,
        tuning: tuning::lane_tile,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/in_subgroup.wgsl"),
            text!("spread/subgroup.wgsl"),
            text!("kernels/lane_tile.wgsl"),
        ],
        needs: Needs::SUBGROUP,
        begins: true,
        tuning: tuning::lane_tile_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("reduce/memory.wgsl"),
            text!("kernels/gemv_dp4a.wgsl"),
        ],
        needs: Needs::INTEGERS,
        tuning: tuning::gemv_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/by_subgroup.wgsl"),
            text!("reduce/subgroup.wgsl"),
            text!("kernels/gemv_dp4a.wgsl"),
        ],
        needs: Needs::SUBGROUP_INTEGERS,
        tuning: tuning::gemv_dp4a_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_2bit",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("reduce/memory.wgsl"),
            text!("kernels/gemv_dp4a.wgsl"),
        ],
        needs: Needs {
            bits: Some(2),
            ..Needs::INTEGERS
        },
        tuning: tuning::gemv_dp4a_2bit,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemv_dp4a_2bit_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/by_subgroup.wgsl"),
            text!("reduce/subgroup.wgsl"),
            text!("kernels/gemv_dp4a.wgsl"),
        ],
        needs: Needs {
            bits: Some(2),
            ..Needs::SUBGROUP_INTEGERS
        },
        tuning: tuning::gemv_dp4a_2bit_subgroup,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_dp4a",
        text: &[SUMS, text!("kernels/gemm_dp4a.wgsl")],
        needs: Needs::INTEGERS,
        tuning: tuning::gemm_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_dp4a",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("spread/bytes_loads.wgsl"),
            text!("kernels/lane_tile_dp4a.wgsl"),
        ],
        needs: Needs::INTEGERS,
        tuning: tuning::lane_tile_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_dp4a_subgroup",
        text: &[
            SUMS,
            KEPT_SUMS,
            text!("entries/in_subgroup.wgsl"),
            text!("spread/bytes_subgroup.wgsl"),
            text!("kernels/lane_tile_dp4a.wgsl"),
        ],
        needs: Needs::SUBGROUP_INTEGERS,
        tuning: tuning::lane_tile_dp4a,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_pairs",
        text: &[
            PAIRS,
            SUMS,
            KEPT_SUMS,
            text!("entries/plain.wgsl"),
            text!("spread/bytes_loads.wgsl"),
            text!("spread/pairs_loads.wgsl"),
            text!("kernels/lane_tile_pairs.wgsl"),
        ],
        needs: Needs::INTEGERS,
        pairs: true,
        tuning: tuning::lane_tile_pairs,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "lane_tile_pairs_subgroup",
        text: &[
            PAIRS,
            SUMS,
            KEPT_SUMS,
            text!("entries/in_subgroup.wgsl"),
            text!("spread/bytes_subgroup.wgsl"),
            text!("spread/pairs_subgroup.wgsl"),
            text!("kernels/lane_tile_pairs.wgsl"),
        ],
        needs: Needs::SUBGROUP_INTEGERS,
        pairs: true,
        tuning: tuning::lane_tile_pairs,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_f16",
        text: &[text!("kernels/gemm_f16.wgsl")],
        needs: Needs::F16,
        tuning: tuning::gemm_f16,
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_coop_8",
        text: &[text!("coop/tile8.wgsl"), text!("kernels/gemm_coop.wgsl")],
        needs: Needs::matrices(8),
        tuning: |traits, m| tuning::gemm_coop(traits, 8, m),
        ..Kernel::PLAIN
    },
    Kernel {
        name: "gemm_coop_16",
        text: &[text!("coop/tile16.wgsl"), text!("kernels/gemm_coop.wgsl")],
        needs: Needs::matrices(16),
        tuning: |traits, m| tuning::gemm_coop(traits, 16, m),
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

/// The second pass of a product whose k was sliced. Not in the table: it has no weights.
pub(crate) static SUM_SLICES: Kernel = Kernel {
    name: "sum_slices",
    text: &[SUMS, text!("kernels/sum_slices.wgsl")],
    ..Kernel::PLAIN
};

pub(crate) static TABLE: &[Kernel] = &ROWS;

/// The names of all kernels: those of products, then those that decode.
pub const KERNELS: &[&str] = &{
    let mut names = [""; ROWS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ROWS[i].name;
        i += 1;
    }
    names
};

/// The kernel of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Kernel> {
    TABLE.iter().find(|k| k.name == name)
}

impl Kernel {
    /// A product in f32 that needs and can do nothing more; what rows of the table are where they say no more.
    const PLAIN: Kernel = Kernel {
        name: "",
        shape: Shape::Product,
        text: &[],
        needs: Needs::NOTHING,
        begins: false,
        slices: false,
        pairs: false,
        tuning: |_, _| tuning::one_invocation_a_part(),
    };

    /// Whether x is rounded to bytes before it.
    pub fn takes_bytes(&self) -> bool {
        self.shape == Shape::Product && self.needs.precision == Precision::I8
    }

    /// Whether it can multiply by weights of this format on such a device, as precisely as is asked.
    pub fn check(&self, traits: &Traits, format: Format, precision: Precision) -> Result<()> {
        let missing = self.needs.caps - traits.caps;
        if !missing.is_empty() {
            return Err(Error::Feature {
                kernel: self.name.into(),
                missing: format!("{missing:?}"),
            });
        }
        if self.needs.precision != Precision::F32 && self.needs.precision != precision {
            return Err(Error::Precision {
                kernel: self.name.into(),
                needed: self.needs.precision,
                got: precision,
            });
        }
        let side = self.needs.matrices;
        if side != 0 && !traits.matrices.contains(&side) {
            return Err(Error::Feature {
                kernel: self.name.into(),
                missing: format!("f16 cooperative matrices of {side} x {side} x {side}"),
            });
        }
        self.check_codes(format)
    }

    /// Whether it can multiply by the codes of this format, on any device.
    pub fn check_codes(&self, format: Format) -> Result<()> {
        let family = format.family();
        let has_codes = !self.needs.codes || integers::of(family).is_some();
        let has_fields = self
            .needs
            .bits
            .is_none_or(|most| integers::field_bits(family).is_some_and(|bits| bits <= most));
        if !has_codes || !has_fields {
            return Err(Error::NoCodes {
                kernel: self.name.into(),
                format: format.to_string(),
            });
        }
        Ok(())
    }
}

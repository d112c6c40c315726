//! Small kernels around products: whole files after a few constants. Caches have theirs in `src/kv/shaders.rs`.

use super::compose::concatenate;
use super::file::{File, Text, text, texts};
use super::source::Source;
use super::tuning::Tuning;

/// The text of a small kernel, and what its pipeline must know.
#[derive(Clone, Debug)]
pub(crate) struct SmallShader {
    pub files: Vec<Text>,
    pub consts: Vec<(&'static str, u32)>,
    pub workgroup: u32,
    /// Bytes of workgroup memory.
    pub memory: u32,
}

impl SmallShader {
    pub fn tuning(&self) -> Tuning {
        Tuning {
            workgroup: self.workgroup,
            memory: self.memory,
            consts: self.consts.clone(),
            ..Tuning::default()
        }
    }

    pub fn source(&self) -> Source {
        concatenate(&self.files, &self.tuning())
    }
}

/// Invocations of a workgroup that rounds inputs.
pub(crate) const ROUNDING: u32 = 64;

/// Invocations of a workgroup around a `Linear`'s product, and of the one that groups rows.
pub(crate) const WIDE: u32 = 256;

const BUTTERFLIES: File = text!("linear/butterflies.wgsl");

/// What the scales of rounded inputs belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RoundingBy {
    /// A run of 32 inputs.
    Run = 0,
    /// A row.
    Row = 1,
    /// All inputs.
    Given = 2,
}

/// Rounds rows of x to bytes.
pub(crate) fn rounding(by: RoundingBy) -> SmallShader {
    SmallShader {
        files: texts(&[text!("kernels/quantize_rows.wgsl")]),
        consts: vec![("SCALES", by as u32)],
        workgroup: ROUNDING,
        memory: 8 * ROUNDING,
    }
}

/// Groups rows of y by their expert, for tiles of `tile_m` rows.
pub(crate) fn grouping(tile_m: u32) -> SmallShader {
    SmallShader {
        files: texts(&[text!("kernels/group_rows.wgsl")]),
        consts: vec![("TILE_M", tile_m)],
        workgroup: WIDE,
        memory: 8 * WIDE,
    }
}

/// What a `Linear` makes of x before its product: rotated in blocks of `rotates` inputs, where it says so.
pub(crate) fn linear_inputs(rotates: Option<u32>, norms: bool) -> SmallShader {
    let block = rotates.unwrap_or(WIDE);
    let squares = if norms { WIDE } else { 1 };
    SmallShader {
        files: texts(&[BUTTERFLIES, text!("linear/inputs.wgsl")]),
        consts: vec![
            ("BLOCK", block),
            ("ROTATES", rotates.is_some() as u32),
            ("ROOT", root(block)),
            ("NORMS", norms as u32),
            ("SQUARES", squares),
        ],
        workgroup: WIDE,
        memory: 4 * (block + squares),
    }
}

/// What a `Linear` makes of y after its product.
pub(crate) fn linear_outputs(divides: bool) -> SmallShader {
    SmallShader {
        files: texts(&[text!("linear/outputs.wgsl")]),
        consts: vec![("DIVIDES", divides as u32)],
        workgroup: WIDE,
        memory: 0,
    }
}

/// Rotates outputs in blocks of `block`.
pub(crate) fn linear_back(block: u32) -> SmallShader {
    SmallShader {
        files: texts(&[BUTTERFLIES, text!("linear/back.wgsl")]),
        consts: vec![("BLOCK", block), ("ROOT", root(block))],
        workgroup: WIDE,
        memory: 4 * block,
    }
}

/// The bits of 1 / √block, rounded as the processor does it.
fn root(block: u32) -> u32 {
    (1.0 / (block as f32).sqrt()).to_bits()
}

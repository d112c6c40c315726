//! What is put around a product kernel: types of x and y, epilogues, which matrix a tile multiplies by,
//! slices of k.

use super::caps::Caps;
use super::epilogue::{Epilogue, Operand, ZERO_POINT};
use super::file::{File, text};
use std::fmt::Write;

/// The type of inputs or outputs in memory. Sums are always in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FloatType {
    /// 4 bytes.
    #[default]
    F32,
    /// 2 bytes, rows without padding; a buffer of an odd number of them is rounded up to whole words.
    F16,
}

impl FloatType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            FloatType::F32 => 4,
            FloatType::F16 => 2,
        }
    }
}

/// Which matrix a workgroup multiplies by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Axis {
    /// The only one.
    #[default]
    One,
    /// The one of its depth in the grid.
    Batched,
    /// The one that an id names, for each row of y on its own.
    Experts,
    /// The one that an id names, for rows of y that were grouped by it.
    Grouped,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axes {
    pub axis: Axis,
    pub inputs: FloatType,
    pub outputs: FloatType,
    /// Whether what the zero point of x adds to each output is subtracted, before all epilogues.
    pub zero_point: bool,
    pub epilogues: Vec<Epilogue>,
    /// Slices of k that workgroups of their own sum; a second dispatch adds them.
    pub slices: u32,
}

impl Default for Axes {
    fn default() -> Axes {
        Axes {
            axis: Axis::One,
            inputs: FloatType::F32,
            outputs: FloatType::F32,
            zero_point: false,
            epilogues: Vec::new(),
            slices: 1,
        }
    }
}

impl Axes {
    /// What epilogues read, in the order in which it is bound.
    pub fn operands(&self) -> impl Iterator<Item = Operand> + '_ {
        let own = self.zero_point.then_some(ZERO_POINT);
        let asked = self.epilogues.iter().filter_map(|e| e.operand());
        own.into_iter().chain(asked)
    }

    /// Whether each product is by two matrices, of which one gates the other.
    pub fn is_gated(&self) -> bool {
        self.epilogues.iter().any(|e| e.is_gate())
    }

    /// What is needed of the device beyond what the kernel needs.
    pub fn caps(&self) -> Caps {
        match self.outputs {
            FloatType::F32 => Caps::NONE,
            FloatType::F16 => Caps::SHADER_F16,
        }
    }

    /// Whether the shader that writes y needs `enable f16`: with slices that is the second one.
    pub fn writes_halves(&self) -> bool {
        self.outputs == FloatType::F16 && self.slices == 1
    }

    /// The files that say where rows of W, rows of x and outputs lie.
    pub fn places(&self) -> Vec<File> {
        let mut files = vec![text!("axes/place.wgsl")];
        if self.axis != Axis::One || self.is_gated() {
            files.push(text!("axes/stacked.wgsl"));
        }
        files.push(match self.axis {
            Axis::One if self.is_gated() => text!("axes/gated.wgsl"),
            Axis::One => text!("axes/one.wgsl"),
            Axis::Batched => text!("axes/batched.wgsl"),
            Axis::Experts => text!("axes/experts.wgsl"),
            Axis::Grouped => text!("axes/grouped.wgsl"),
        });
        files
    }

    /// How often a workgroup multiplies.
    pub fn gate(&self) -> File {
        match self.is_gated() {
            false => text!("gates/none.wgsl"),
            true => text!("gates/twice.wgsl"),
        }
    }

    /// x; `whole` where k is a multiple of what a part has, `long` where words of 64 bits are read.
    pub fn input(&self, whole: bool, long: bool) -> File {
        match (self.inputs, whole) {
            (FloatType::F32, true) if long => text!("inputs/whole_long.wgsl"),
            (FloatType::F32, true) => text!("inputs/whole.wgsl"),
            (FloatType::F32, false) => text!("inputs/ragged.wgsl"),
            (FloatType::F16, true) => text!("inputs/halves.wgsl"),
            (FloatType::F16, false) => text!("inputs/ragged_halves.wgsl"),
        }
    }

    /// What a product kernel calls to store an output.
    pub fn output(&self) -> Vec<File> {
        match self.slices {
            1 => {
                let mut files = self.finish();
                files.push(text!("outputs/store.wgsl"));
                files
            }
            _ => vec![text!("outputs/slices.wgsl")],
        }
    }

    /// y and the epilogues.
    pub fn finish(&self) -> Vec<File> {
        let mut files = vec![match self.outputs {
            FloatType::F32 => text!("outputs/f32.wgsl"),
            FloatType::F16 => text!("outputs/f16.wgsl"),
        }];
        if self.zero_point {
            files.push(text!("epilogues/zero_point.wgsl"));
        }
        for file in self.epilogues.iter().flat_map(|e| e.files()) {
            if !files.iter().any(|(path, _)| *path == file.0) {
                files.push(*file);
            }
        }
        files
    }

    /// The epilogues one around the other, and their constants: lines of WGSL.
    pub fn finish_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.epilogues.iter().filter_map(|e| e.constant()).collect();
        let mut value = String::from("value");
        if self.zero_point {
            value = format!("zero_point({value}, row, at)");
        }
        let mut body = String::new();
        for epilogue in &self.epilogues {
            if epilogue.is_gate() {
                let _ = write!(body, "let own = {value}; if (second == 0u) {{ return own; }} ");
                value = String::from("own");
            }
            value = format!("{}({value}, row, at)", epilogue.function());
        }
        lines.push(format!(
            "fn finish(value: f32, row: u32, at: u32) -> f32 {{ {body}return {value}; }}"
        ));
        lines
    }

    /// What tells a shader with these axes from others.
    pub fn name(&self) -> String {
        let mut name = String::new();
        if self.axis != Axis::One {
            let _ = write!(name, " {:?}", self.axis);
        }
        if self.inputs != FloatType::F32 {
            let _ = write!(name, " x={:?}", self.inputs);
        }
        match self.slices {
            1 => name += &self.finish_name(),
            slices => {
                let _ = write!(name, " SLICES={slices}");
            }
        }
        name
    }

    /// The same of what is done once sums are whole.
    pub fn finish_name(&self) -> String {
        let mut name = String::new();
        if self.outputs != FloatType::F32 {
            let _ = write!(name, " y={:?}", self.outputs);
        }
        if self.zero_point {
            name.push_str(" zero_point");
        }
        for epilogue in &self.epilogues {
            let _ = write!(name, " {}", epilogue.function());
            if let Epilogue::SoftCap(cap) = epilogue {
                let _ = write!(name, "={cap}");
            }
        }
        name
    }
}

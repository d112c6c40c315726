//! Puts shaders together: constants, then whole files, with marked loops written out.
//!
//! Every file under `shaders/` is plain WGSL. Two things happen to it here: numbers that Rust
//! decides are printed before it as `const` lines, and a loop whose line ends in `// unroll` is
//! replaced by its passes, since naga's loops are otherwise bounded by a counter that keeps
//! drivers from unrolling them (a third to twice the time on software drivers).

use super::axes::{Axes, FloatType};
use super::caps::Caps;
use super::file::Text;
use super::integers;
use super::kernels::{self, File, Kernel, Shape, text};
use super::source::Source;
use super::traits::{DeviceClass, Dialect, Traits};
use super::tuning::{Lookup, Tuning};
use crate::family::{Decode, Family, Levels, PART, Unit};
use crate::{Error, Format, Result};
use std::fmt::Write;

/// The WGSL of one kernel for one format, as a product or a decoding call would compile it for `m` rows of `k` floats,
/// on a device of this class that has only the features that the kernel needs.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Block`] where the format cannot have rows of `k`, and
/// [`Error::NoCodes`] where the kernel cannot serve it.
pub fn wgsl(format: Format, kernel: &str, m: usize, k: usize, class: DeviceClass) -> Result<String> {
    wgsl_on(format, kernel, m, k, class, Caps::NONE, Dialect::Naga)
}

/// As `wgsl`, for a device that also has these capabilities, in its dialect.
///
/// # Errors
/// As `wgsl`.
#[doc(hidden)]
pub fn wgsl_on(
    format: Format,
    kernel: &str,
    m: usize,
    k: usize,
    class: DeviceClass,
    caps: Caps,
    dialect: Dialect,
) -> Result<String> {
    format.check_k(k)?;
    let kernel = kernels::by_name(kernel).ok_or_else(|| unknown(kernel))?;
    kernel.check_codes(format)?;
    let traits = Traits::typical(class, kernel.needs.caps | caps);
    let tuning = (kernel.tuning)(&traits, m);
    Ok(compose_with(format, kernel, &tuning, k, &Axes::default(), dialect).text)
}

const ENABLE_F16: File = text!("enables/f16.wgsl");

/// In place of a file, for lines that are printed.
const PRINTED: &str = "(constants)";

pub(crate) fn unknown(kernel: &str) -> Error {
    let names: Vec<_> = kernels::KERNELS.iter().map(|kernel| kernel.name).collect();
    Error::unknown("kernel", kernel, &names)
}

pub(crate) fn compose(format: Format, kernel: &Kernel, tuning: &Tuning, k: usize) -> Source {
    compose_with(format, kernel, tuning, k, &Axes::default(), Dialect::Naga)
}

/// As `compose`, with something else than the plainest product around the kernel.
pub(crate) fn compose_with(
    format: Format,
    kernel: &Kernel,
    tuning: &Tuning,
    k: usize,
    axes: &Axes,
    dialect: Dialect,
) -> Source {
    let whole = k.is_multiple_of(PART);
    let composition = Composition {
        format,
        family: format.family(),
        kernel,
        tuning,
        whole,
        axes,
    };
    composition.source(dialect)
}

/// What one shader is made for. `constants.rs` has its numbers, `choices.rs` its files.
pub(super) struct Composition<'a> {
    pub format: Format,
    pub family: &'static Family,
    pub kernel: &'a Kernel,
    pub tuning: &'a Tuning,
    /// Whether k is a multiple of a part, so that x is read with no check.
    pub whole: bool,
    pub axes: &'a Axes,
}

impl Composition<'_> {
    fn source(&self, dialect: Dialect) -> Source {
        let consts = self.consts();
        let mut source = Source::new(self.kernel.name, self.name());
        for (path, line) in self.enables(dialect) {
            source.push(path, 1, line.trim_end());
        }
        for (key, value) in &consts {
            source.push(PRINTED, 0, &format!("const {key}: u32 = {value}u;"));
        }
        for line in self.declarations() {
            source.push(PRINTED, 0, &line);
        }
        source.push_files(&self.files(), consts);
        source
    }

    /// What logs and errors call it.
    fn name(&self) -> String {
        let Composition { kernel, tuning, .. } = self;
        let (format, workgroup) = (self.format, tuning.workgroup);
        let mut name = format!("{format}/{} WORKGROUP={workgroup}", kernel.name);
        if let Some((lane_n, lane_m)) = tuning.lane {
            let _ = write!(name, " LANE_N={lane_n} LANE_M={lane_m}");
        }
        for (key, value) in &tuning.consts {
            let _ = write!(name, " {key}={value}");
        }
        let ragged = kernel.shape == Shape::Product && !kernel.takes_bytes() && !self.whole;
        for (said, word) in [
            (tuning.long_words, " long words"),
            (tuning.lookup == Lookup::Subgroup, " shuffles"),
            (tuning.lookup == Lookup::Memory, " tables in memory"),
            (tuning.holds_scales, " held scales"),
            (ragged, " ragged"),
        ] {
            name.push_str(if said { word } else { "" });
        }
        name + &self.axes.name()
    }

    /// Extensions, which WGSL wants first.
    fn enables(&self, dialect: Dialect) -> Vec<File> {
        let needs = self.kernel.needs.caps;
        let halves = needs.contains(Caps::SHADER_F16) || self.axes.writes_halves();
        let mut files = Vec::new();
        // naga has subgroups without such a line, and refuses it; browsers insist on it.
        if dialect == Dialect::Browser && needs.contains(Caps::SUBGROUP) {
            files.push(text!("enables/subgroups.wgsl"));
        }
        if halves {
            files.push(ENABLE_F16);
        }
        if needs.contains(Caps::COOPERATIVE_MATRIX) {
            files.push(text!("enables/cooperative_matrix.wgsl"));
        }
        files
    }

    /// Printed lines that are not `u32` constants: the epilogues, types of units, tables of levels.
    fn declarations(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.kernel.shape == Shape::Product && self.axes.slices == 1 {
            lines.extend(self.axes.finish_lines());
        }
        for (alias, unit) in [
            ("CodeUnit", self.family.code_plane.unit),
            ("ScaleUnit", self.format.scale_plane().unit),
        ] {
            lines.push(format!("alias {alias} = {};", wgsl_type(unit)));
        }
        if let (Levels::Table(levels), Decode::Table) = (self.family.levels, self.family.shader.decode) {
            let levels: Vec<_> = levels.iter().map(|l| format!("{l:?}f")).collect();
            let levels = levels.join(", ");
            lines.push(format!("const LEVELS = array<f32, 16>({levels});"));
        }
        if self.kernel.takes_bytes() {
            lines.extend(integers::lines(self.family));
        }
        lines
    }
}

/// The second pass of a product whose k was sliced. It depends on no format.
pub(crate) fn compose_sum(tuning: &Tuning, axes: &Axes) -> Source {
    let name = format!("sum_slices SLICES={}{}", axes.slices, axes.finish_name());
    let mut source = Source::new(kernels::SUM_SLICES.name, name);
    if axes.outputs == FloatType::F16 {
        source.push(ENABLE_F16.0, 1, ENABLE_F16.1.trim_end());
    }
    let consts = [("SLICES", axes.slices), ("WORKGROUP", tuning.workgroup)];
    for (key, value) in consts {
        source.push(PRINTED, 0, &format!("const {key}: u32 = {value}u;"));
    }
    for line in axes.finish_lines() {
        source.push(PRINTED, 0, &line);
    }
    let mut files = vec![text!("params.wgsl")];
    files.extend(axes.finish());
    files.extend([kernels::SUMS, text!("kernels/sum_slices.wgsl")]);
    source.push_files(&files, consts);
    source
}

/// Whole files after a few constants: kernels that read no packed weights.
pub(crate) fn concatenate(files: &[Text], tuning: &Tuning) -> Source {
    let mut source = Source::new("", String::new());
    for (path, _) in files {
        let _ = write!(source.name, "{path} ");
    }
    let workgroup = [("WORKGROUP", tuning.workgroup)];
    for (key, value) in workgroup.iter().chain(&tuning.consts) {
        let _ = write!(source.name, " {key}={value}");
        source.push(PRINTED, 0, &format!("const {key}: u32 = {value}u;"));
    }
    source.push_files(files, tuning.consts.iter().copied());
    source
}

fn wgsl_type(unit: Unit) -> &'static str {
    match unit {
        Unit::Half | Unit::Word | Unit::OddWords => "u32",
        Unit::Vec2 => "vec2<u32>",
        Unit::Vec4 => "vec4<u32>",
    }
}

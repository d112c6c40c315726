//! Puts shaders together: constants, then whole files, with marked loops written out.
//!
//! Every file under `shaders/` is plain WGSL. Two things happen to it here: numbers that Rust
//! decides are printed before it as `const` lines, and a loop whose line ends in `// unroll` is
//! replaced by its passes, since wgpu's loops are otherwise bounded by a counter that keeps
//! drivers from unrolling them (a third to twice the time on software drivers).

use super::axes::{Axes, FloatType};
use super::caps::Caps;
use super::factors;
use super::integers;
use super::kernels::{self, text, File, Kernel, Shape, INTERLEAVE};
use super::source::Source;
use super::traits::{DeviceClass, Dialect, Traits};
use super::tuning::Tuning;
use crate::family::{
    span_of, AffineKind, Decode, Family, Fields, Levels, Plane, Table, Unit, PART,
};
use crate::{Error, Format, Result};
use std::fmt::Write;

/// The WGSL of one kernel for one format, as `MatMul` (for `gemv` and `gemm`) or the row kernels
/// would compile it for `m` rows of `k` floats on a device of this class that has no features but those
/// that the kernel needs.
///
/// # Errors
/// [`Error::UnknownKernel`], [`Error::Block`] where the format cannot have rows of `k`, and
/// [`Error::NoCodes`] where the kernel cannot serve it.
pub fn wgsl(
    format: Format,
    kernel: &str,
    m: usize,
    k: usize,
    class: DeviceClass,
) -> Result<String> {
    wgsl_on(format, kernel, m, k, class, Caps::NONE, Dialect::Naga)
}

/// As `wgsl`, for a device that has these capabilities too, in its dialect: what tests put through the compilers
/// of other devices.
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

pub(crate) fn unknown(kernel: &str) -> Error {
    Error::UnknownKernel(kernel.into(), kernels::KERNELS.join(", "))
}

/// Whether x can be read as vec4s with no check.
fn whole(k: usize) -> bool {
    k.is_multiple_of(PART)
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
    let family = format.family();
    let group = format.group_len();
    let spans = (PART / span_of(group)) as u32;
    // Only kernels for software drivers have a beginning.
    let halves = kernel.begins && family.shader.decode == Decode::Minifloat;
    let looks_up = family.shader.decode == Decode::Table;
    let mut consts = vec![
        ("INTERLEAVE", INTERLEAVE as u32),
        ("PART", PART as u32),
        ("GROUP", if group == 0 { u32::MAX } else { group as u32 }),
        ("SPANS", spans),
        ("SLICES", axes.slices),
        ("WORKGROUP", tuning.workgroup),
        ("UNITS", family.code_plane.units as u32),
        ("UNIT_PARTS", (family.code_plane.per / PART) as u32),
    ];
    // Columns that meet all rows of a lane at once. By twos, what a processor holds beside them fits its registers.
    consts.push(("BLOCK", tuning.tile_cols.min(2)));
    // At most 16 products, and then the sums of at most 10 parts, are added one after the other; of exact sums of
    // integers 16.
    let stretch = if kernel.takes_bytes() { 16 / spans } else { 10 };
    consts.extend([("CHAINS", 2 / spans.min(2)), ("STRETCH", stretch)]);
    if kernel.shape == Shape::Product {
        consts.extend([
            ("TILE_ROWS", tuning.tile_rows),
            ("TILE_COLS", tuning.tile_cols),
        ]);
    }
    let base = match family.affine_kind {
        AffineKind::ScaleZero { base } => base as u32,
        _ => 0,
    };
    consts.push(("LEVEL_BASE", base));
    if family.shader.decode == Decode::Offset {
        let offset = match family.shader.fields {
            Fields::Linear { step: 1, offset } => offset,
            _ => 0,
        };
        consts.push(("CODE_OFFSET", offset.into()));
    }
    consts.extend_from_slice(family.shader.consts);
    if let Some((rows, cols)) = tuning.lane {
        consts.extend([("ROWS", rows), ("COLS", cols)]);
    }
    consts.extend_from_slice(&tuning.consts);

    let scale_unit = format.scale_plane().unit;
    let mut files: Vec<File> = vec![
        text!("params.wgsl"),
        text!("prelude.wgsl"),
        code_plane(family.code_plane.unit, tuning.long_words),
    ];
    files.extend(axes.places());
    files.push(match scale_unit {
        Unit::Half => text!("scales/half.wgsl"),
        Unit::Vec2 if tuning.long_words => text!("scales/long.wgsl"),
        Unit::Vec4 if tuning.long_words => text!("scales/long_pair.wgsl"),
        _ => text!("scales/words.wgsl"),
    });
    let hold = held_parts(format.scale_plane()).filter(|_| tuning.holds_scales);
    files.push(match hold {
        Some(_) => text!("scales/held.wgsl"),
        None => text!("scales/read.wgsl"),
    });
    consts.push(("HOLD", hold.unwrap_or(1)));
    files.push(text!("codes/unpack.wgsl"));
    files.extend(stored_codes(family.shader.bits));
    if !matches!(family.table, Table::None) {
        files.push(text!("codes/looked_up.wgsl"));
    }
    files.extend(match family.shader.decode {
        Decode::Offset => Some(text!("codes/offset.wgsl")),
        Decode::Signs => Some(text!("codes/signs.wgsl")),
        Decode::Table if tuning.shuffles => Some(text!("levels/table_subgroup.wgsl")),
        Decode::Table => Some(text!("levels/table.wgsl")),
        Decode::Minifloat if halves => Some(text!("levels/minifloat_halves.wgsl")),
        Decode::Minifloat => Some(text!("levels/minifloat.wgsl")),
        Decode::Own => None,
    });
    files.extend_from_slice(family.shader.files);
    if kernel.begins && !(looks_up && tuning.shuffles) {
        files.push(text!("levels/begin.wgsl"));
    }
    files.extend_from_slice(levels(family));
    files.push(match family.affine_kind {
        AffineKind::Scale if halves => text!("affine/scale_unit.wgsl"),
        AffineKind::Scale => text!("affine/scale.wgsl"),
        AffineKind::ScaleBias if family.has_wide_scales() => text!("affine/scale_bias_f32.wgsl"),
        AffineKind::ScaleBias => text!("affine/scale_bias.wgsl"),
        AffineKind::ScaleZero { .. } => text!("affine/scale_zero.wgsl"),
    });
    match kernel.shape {
        Shape::Product => {
            if kernel.takes_bytes() {
                files.extend(integers::of(family));
                files.extend([factors::centre(family), integers::sums(family)]);
                if kernel.pairs {
                    files.push(integers::pairs(family));
                    consts.push(("RUN", integers::run(family, spans)));
                }
                files.push(text!("inputs/bytes.wgsl"));
            } else {
                files.push(axes.input(whole(k), tuning.long_words));
                if let Some((rows, cols)) = tuning.lane {
                    files.push(factors::centre(family));
                    files.extend(factors::of(family, halves, rows, cols));
                }
            }
            files.extend(tuning.parts());
            files.extend(axes.output());
        }
        Shape::IndexedRows => files.push(text!("rows/indexed.wgsl")),
        Shape::AllRows => files.push(text!("rows/all.wgsl")),
        Shape::Inspect => {}
    }
    files.extend_from_slice(kernel.text);

    let mut name = format!("{format}/{} WORKGROUP={}", kernel.name, tuning.workgroup);
    if let Some((rows, cols)) = tuning.lane {
        let _ = write!(name, " ROWS={rows} COLS={cols}");
    }
    for (key, value) in &tuning.consts {
        let _ = write!(name, " {key}={value}");
    }
    if tuning.long_words {
        name.push_str(" long words");
    }
    if tuning.shuffles {
        name.push_str(" shuffles");
    }
    if tuning.holds_scales {
        name.push_str(" held scales");
    }
    if kernel.shape == Shape::Product && !kernel.takes_bytes() && !whole(k) {
        name.push_str(" ragged");
    }
    name.push_str(&axes.name());
    let mut source = Source::new(kernel.name, name);
    // WGSL wants them first. naga has subgroups without such a line, and refuses it; browsers insist on it.
    if dialect == Dialect::Browser && kernel.needs.caps.contains(Caps::SUBGROUP) {
        source.push("(constants)", 0, "enable subgroups;");
    }
    for (cap, name) in [
        (Caps::SHADER_F16, "f16"),
        (Caps::COOPERATIVE_MATRIX, "wgpu_cooperative_matrix"),
    ] {
        let halves = cap == Caps::SHADER_F16 && axes.writes_halves();
        if halves || kernel.needs.caps.contains(cap) {
            source.push("(constants)", 0, &format!("enable {name};"));
        }
    }
    for (key, value) in &consts {
        source.push("(constants)", 0, &format!("const {key}: u32 = {value}u;"));
    }
    if kernel.shape == Shape::Product && axes.slices == 1 {
        source.push("(constants)", 0, &axes.finish_line());
    }
    for (alias, unit) in [
        ("CodeUnit", family.code_plane.unit),
        ("ScaleUnit", scale_unit),
    ] {
        let line = format!("alias {alias} = {};", wgsl_type(unit));
        source.push("(constants)", 0, &line);
    }
    if let (Levels::Table(levels), true) = (family.levels, looks_up) {
        let levels: Vec<_> = levels.iter().map(|l| format!("{l:?}f")).collect();
        let levels = levels.join(", ");
        let line = format!("const LEVELS = array<f32, 16>({levels});");
        source.push("(constants)", 0, &line);
    }
    if kernel.takes_bytes() {
        for line in integers::lines(family) {
            source.push("(constants)", 0, &line);
        }
    }
    source.push_files(&files, consts);
    source
}

/// The second pass of a product whose k was sliced. It depends on no format.
pub(crate) fn compose_sum(tuning: &Tuning, axes: &Axes) -> Source {
    let name = format!("sum_slices SLICES={}{}", axes.slices, axes.finish_name());
    let mut source = Source::new(kernels::SUM_SLICES.name, name);
    if axes.outputs == FloatType::F16 {
        source.push("(constants)", 0, "enable f16;");
    }
    let consts = [("SLICES", axes.slices), ("WORKGROUP", tuning.workgroup)];
    for (key, value) in consts {
        source.push("(constants)", 0, &format!("const {key}: u32 = {value}u;"));
    }
    source.push("(constants)", 0, &axes.finish_line());
    let mut files = vec![text!("params.wgsl")];
    files.extend(axes.finish());
    files.extend([kernels::SUMS, text!("kernels/sum_slices.wgsl")]);
    source.push_files(&files, consts);
    source
}

/// The snippet that unpacks codes of so many bits.
fn stored_codes(bits: usize) -> Option<File> {
    Some(match bits {
        0 => return None,
        1 => text!("codes/bits1.wgsl"),
        2 => text!("codes/bits2.wgsl"),
        3 => text!("codes/bits3.wgsl"),
        4 => text!("codes/bits4.wgsl"),
        5 => text!("codes/bits5.wgsl"),
        6 => text!("codes/bits6.wgsl"),
        7 => text!("codes/bits7.wgsl"),
        _ => text!("codes/bits8.wgsl"),
    })
}

/// Parts that one unit of a scale plane serves, where it is worth holding.
fn held_parts(plane: Plane) -> Option<u32> {
    match plane {
        Plane {
            units: 1, per: 0, ..
        } => Some(u32::MAX),
        Plane { units: 1, per, .. } if per >= 4 * PART && per.is_multiple_of(PART) => {
            Some((per / PART) as u32)
        }
        _ => None,
    }
}

/// How codes become numbers.
fn levels(family: &Family) -> &'static [File] {
    const EACH: File = text!("levels/each_centred.wgsl");
    const OF_CODES: File = text!("levels/centred_of_codes.wgsl");
    const LINEAR: File = text!("levels/linear.wgsl");
    let stored = family.shader.decode == Decode::Offset;
    match family.levels {
        Levels::Signed if stored => match family.shader.bits {
            2 => &[text!("levels/stored2.wgsl"), LINEAR],
            4 => &[text!("levels/stored4.wgsl"), LINEAR],
            8 => &[text!("levels/codes.wgsl"), EACH, OF_CODES, LINEAR],
            _ => &[text!("levels/fields.wgsl"), EACH, LINEAR],
        },
        Levels::Signed => &[text!("levels/codes.wgsl"), EACH, OF_CODES, LINEAR],
        Levels::Unsigned => &[text!("levels/bytes.wgsl"), EACH, OF_CODES, LINEAR],
        // The format's own files say what a level is.
        Levels::Table(_) => &[text!("levels/each.wgsl"), text!("levels/of_codes.wgsl")],
        Levels::Direct(_) => &[text!("levels/direct.wgsl")],
    }
}

/// How the code plane is read.
fn code_plane(unit: Unit, long_words: bool) -> File {
    match unit {
        Unit::Half | Unit::Word => text!("planes/words.wgsl"),
        Unit::OddWords if long_words => text!("planes/long_odd_words.wgsl"),
        Unit::OddWords => text!("planes/odd_words.wgsl"),
        Unit::Vec2 if long_words => text!("planes/long.wgsl"),
        Unit::Vec4 if long_words => text!("planes/long_pair.wgsl"),
        Unit::Vec2 | Unit::Vec4 => text!("planes/units.wgsl"),
    }
}

/// Files one after another after a few constants: kernels that name no format, in parts.
pub(crate) fn parts(files: &[File], tuning: &Tuning) -> Source {
    let mut source = Source::new("", String::new());
    for (path, _) in files {
        let _ = write!(source.name, "{path} ");
    }
    let workgroup = [("WORKGROUP", tuning.workgroup)];
    for (key, value) in workgroup.iter().chain(&tuning.consts) {
        let _ = write!(source.name, " {key}={value}");
        source.push("(constants)", 0, &format!("const {key}: u32 = {value}u;"));
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

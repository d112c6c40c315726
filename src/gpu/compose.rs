//! Puts shaders together: constants, then whole files, with marked loops written out.
//!
//! Every file under `shaders/` is plain WGSL. Two things happen to it here: numbers that Rust
//! decides are printed before it as `const` lines, and a loop whose line ends in `// unroll` is
//! replaced by its passes, since wgpu's loops are otherwise bounded by a counter that keeps
//! drivers from unrolling them (a third to twice the time on software drivers).

use super::kernels::{self, text, File, Kernel, Shape, INTERLEAVE};
use super::traits::{DeviceClass, Traits};
use super::tuning::Tuning;
use crate::family::{AffineKind, Levels, Table, Unit, PART};
use crate::formats::bits;
use crate::{Error, Format, Result};
use std::collections::HashMap;
use std::fmt::Write;
use wgpu::Features;

/// A composed shader, with the file and line that each of its lines came from.
pub(crate) struct Source {
    pub name: String,
    pub text: String,
    lines: Vec<(&'static str, usize)>,
}

/// The WGSL of one kernel for one format, as `MatMul` (for `gemv` and `gemm`) or the row kernels
/// would compile it for `m` rows of `k` floats on a device of this class.
///
/// # Errors
/// [`Error::UnknownKernel`], and [`Error::Block`] where the format cannot have rows of `k`.
pub fn wgsl(
    format: Format,
    kernel: &str,
    m: usize,
    k: usize,
    class: DeviceClass,
) -> Result<String> {
    format.check_k(k)?;
    let kernel = kernels::by_name(kernel).ok_or_else(|| unknown(kernel))?;
    Ok(compose(
        format,
        kernel,
        &(kernel.tuning)(&Traits::typical(class), m),
        k,
    )
    .text)
}

pub(crate) fn unknown(kernel: &str) -> Error {
    Error::UnknownKernel(kernel.into(), kernels::KERNELS.join(", "))
}

/// Whether x can be read as vec4s with no check.
fn whole(k: usize) -> bool {
    k.is_multiple_of(PART)
}

pub(crate) fn compose(format: Format, kernel: &Kernel, tuning: &Tuning, k: usize) -> Source {
    let family = format.family();
    let group = format.group_len();
    let spans = match group {
        g if g.is_multiple_of(PART) => 1,
        g if g.is_multiple_of(PART / 2) => 2,
        _ => 4,
    };
    let mut consts = vec![
        ("INTERLEAVE", INTERLEAVE as u32),
        ("PART", PART as u32),
        ("GROUP", if group == 0 { u32::MAX } else { group as u32 }),
        ("SPANS", spans),
        ("WORKGROUP", tuning.workgroup),
    ];
    if let AffineKind::ScaleZero { base } = family.affine_kind {
        consts.push(("LEVEL_BASE", base as u32));
    }
    consts.extend_from_slice(family.shader.consts);
    consts.extend_from_slice(&tuning.consts);

    let scale_unit = format.scale_plane().unit;
    let mut files: Vec<File> = vec![text!("prelude.wgsl")];
    files.push(match scale_unit {
        Unit::Half => text!("scales/half.wgsl"),
        _ => text!("scales/words.wgsl"),
    });
    files.push(text!("codes/unpack.wgsl"));
    files.extend(stored_codes(family.shader.bits));
    if !matches!(family.table, Table::None) {
        files.push(text!("codes/looked_up.wgsl"));
    }
    files.extend_from_slice(family.shader.files);
    match family.levels {
        Levels::Signed => files.push(text!("levels/codes.wgsl")),
        Levels::Unsigned => files.push(text!("levels/bytes.wgsl")),
        // The format's own files have them.
        Levels::Table(_) => {}
        Levels::Direct(_) => files.push(text!("levels/direct.wgsl")),
    }
    if !matches!(family.levels, Levels::Direct(_)) {
        files.push(text!("levels/each.wgsl"));
    }
    files.push(match family.affine_kind {
        AffineKind::Scale => text!("affine/scale.wgsl"),
        AffineKind::ScaleBias => text!("affine/scale_bias.wgsl"),
        AffineKind::ScaleZero { .. } => text!("affine/scale_zero.wgsl"),
    });
    match kernel.shape {
        Shape::Product => files.extend([
            match whole(k) {
                true => text!("inputs/whole.wgsl"),
                false => text!("inputs/ragged.wgsl"),
            },
            text!("outputs/plain.wgsl"),
        ]),
        Shape::IndexedRows => files.push(text!("rows/indexed.wgsl")),
        Shape::AllRows => files.push(text!("rows/all.wgsl")),
        Shape::Inspect => {}
    }
    files.extend_from_slice(kernel.text);

    let mut name = format!("{format}/{} WORKGROUP={}", kernel.name, tuning.workgroup);
    for (key, value) in &tuning.consts {
        let _ = write!(name, " {key}={value}");
    }
    if kernel.shape == Shape::Product && !whole(k) {
        name.push_str(" ragged");
    }
    let mut source = Source {
        name,
        text: String::new(),
        lines: Vec::new(),
    };
    // WGSL wants them first.
    for (feature, name) in [
        (Features::SHADER_F16, "f16"),
        (
            Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
            "wgpu_cooperative_matrix",
        ),
    ] {
        if kernel.needs.features.contains(feature) {
            source.push("(constants)", 0, &format!("enable {name};"));
        }
    }
    for (key, value) in &consts {
        source.push("(constants)", 0, &format!("const {key}: u32 = {value}u;"));
    }
    for (alias, unit) in [
        ("CodeUnit", family.code_plane.unit),
        ("ScaleUnit", scale_unit),
    ] {
        let line = format!("alias {alias} = {};", wgsl_type(unit));
        source.push("(constants)", 0, &line);
    }
    let looked_up = family.shader.files.contains(&bits::LEVEL_TABLE);
    if let (Levels::Table(levels), true) = (family.levels, looked_up) {
        let levels: Vec<_> = levels.iter().map(|l| format!("{l:?}f")).collect();
        let levels = levels.join(", ");
        let line = format!("const LEVELS = array<f32, 16>({levels});");
        source.push("(constants)", 0, &line);
    }
    let consts: HashMap<&str, u32> = consts.into_iter().collect();
    for (path, text) in files {
        source.push(path, 0, &format!("\n// {path}"));
        let lines: Vec<(usize, String)> = (1..).zip(text.lines().map(String::from)).collect();
        source.push_unrolled(path, &lines, &consts);
    }
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

/// A file on its own after a few constants: kernels that name no format.
pub(crate) fn plain((path, text): File, tuning: &Tuning) -> Source {
    let mut source = Source {
        name: path.into(),
        text: String::new(),
        lines: Vec::new(),
    };
    let workgroup = [("WORKGROUP", tuning.workgroup)];
    for (key, value) in workgroup.iter().chain(&tuning.consts) {
        let _ = write!(source.name, " {key}={value}");
        source.push("(constants)", 0, &format!("const {key}: u32 = {value}u;"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        source.push(path, number, line);
    }
    source
}

fn wgsl_type(unit: Unit) -> &'static str {
    match unit {
        Unit::Half | Unit::Word => "u32",
        Unit::Vec2 => "vec2<u32>",
        Unit::Vec4 => "vec4<u32>",
    }
}

impl Source {
    fn push(&mut self, path: &'static str, line: usize, text: &str) {
        for text in text.split('\n') {
            self.text.push_str(text);
            self.text.push('\n');
            self.lines.push((path, line));
        }
    }

    /// Appends lines, each loop marked `// unroll` written out.
    fn push_unrolled(
        &mut self,
        path: &'static str,
        lines: &[(usize, String)],
        consts: &HashMap<&str, u32>,
    ) {
        let mut i = 0;
        while i < lines.len() {
            let (number, line) = &lines[i];
            let Some((variable, count)) = unrolled_loop(line, consts) else {
                self.push(path, *number, line);
                i += 1;
                continue;
            };
            let end = i + closing_brace(lines[i..].iter().map(|(_, l)| l.as_str()));
            for pass in 0..count {
                self.push(path, *number, "{");
                let literal = format!("{pass}u");
                let body: Vec<(usize, String)> = lines[i + 1..end]
                    .iter()
                    .map(|(n, l)| (*n, replace_word(l, variable, &literal)))
                    .collect();
                self.push_unrolled(path, &body, consts);
                self.push(path, lines[end].0, "}");
            }
            i = end + 1;
        }
    }

    /// A compiler's message with positions in the composed text turned into file and line.
    pub fn explain(&self, message: &str) -> String {
        let mut out = String::new();
        let mut rest = message;
        while let Some(at) = rest.find("wgsl:") {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let after = &after["wgsl:".len()..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let line = after[..digits].parse::<usize>().ok();
            match line.and_then(|l| self.lines.get(l.wrapping_sub(1))) {
                Some((path, line)) => {
                    let _ = write!(out, "shaders/{path}:{line}");
                }
                None => {
                    let _ = write!(out, "wgsl:{}", &after[..digits]);
                }
            }
            rest = &after[digits..];
        }
        out + rest
    }
}

/// `for (var NAME = 0u; NAME < LIMIT; NAME++) { // unroll` as (NAME, the value of LIMIT).
fn unrolled_loop<'a>(line: &'a str, consts: &HashMap<&str, u32>) -> Option<(&'a str, u32)> {
    let head = line.trim().strip_suffix("{ // unroll")?;
    let head = head.trim().strip_prefix("for (var ")?.strip_suffix("++)")?;
    let (variable, rest) = head.split_once(" = 0u; ")?;
    let limit = rest.strip_prefix(variable)?.strip_prefix(" < ")?;
    let limit = limit.split_once(';')?.0;
    Some((variable, evaluate(limit, consts)?))
}

/// Products and quotients of literals and constants, from left to right.
fn evaluate(expression: &str, consts: &HashMap<&str, u32>) -> Option<u32> {
    let mut value = 1u32;
    let mut divide = false;
    for word in expression.split_whitespace() {
        if word == "*" || word == "/" {
            divide = word == "/";
            continue;
        }
        let term = match consts.get(word) {
            Some(v) => *v,
            None => word.trim_end_matches('u').parse().ok()?,
        };
        value = if divide {
            value.checked_div(term)?
        } else {
            value.checked_mul(term)?
        };
    }
    Some(value)
}

/// Index of the line that closes the brace opened on the first line.
fn closing_brace<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let mut depth = 0i32;
    for (i, line) in lines.enumerate() {
        let code = line.split("//").next().unwrap_or("");
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
        if depth == 0 {
            return i;
        }
    }
    panic!("an unrolled loop in shaders/ is not closed");
}

fn replace_word(line: &str, word: &str, with: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, after) = rest.split_at(at);
        let after = &after[word.len()..];
        let starts = !before.ends_with(|c| is_word(c) || c == '.');
        let ends = !after.starts_with(is_word);
        out.push_str(before);
        out.push_str(if starts && ends { with } else { word });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_loops_are_written_out() {
        let lines = [
            "for (var r = 0u; r < ROWS * 2u; r++) { // unroll",
            "    row[r] = r.xr + ar + r;",
            "}",
            "for (var i = 0u; i < 4u; i++) {",
            "}",
        ];
        let lines: Vec<_> = (1..).zip(lines.map(String::from)).collect();
        let mut source = Source {
            name: String::new(),
            text: String::new(),
            lines: Vec::new(),
        };
        source.push_unrolled("file", &lines, &HashMap::from([("ROWS", 1)]));
        let expected =
            "{\n    row[0u] = 0u.xr + ar + 0u;\n}\n{\n    row[1u] = 1u.xr + ar + 1u;\n}\n\
                        for (var i = 0u; i < 4u; i++) {\n}\n";
        assert_eq!(source.text, expected);
        assert_eq!(source.explain("wgsl:5:3 bad"), "shaders/file:2:3 bad");
    }
}

//! The surface of each folder of snippets under `shaders/`, its slot, and every composition held to it.

use super::axes::{Axes, Axis};
use super::bindings::NAMES;
use super::compose::{compose_sum, compose_with};
use super::every::{all_axes, every_shader};
use super::kernels::{Shape, TABLE, by_name};
use super::params::Params;
use super::source::Source;
use super::traits::{DeviceClass, Dialect, Traits};
use super::tuning::one_invocation_a_part;
use crate::{Format, Group, ScaleType};
use naga::{AddressSpace, Module, TypeInner};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::process::Command;

/// What the paths of a slot begin with, and the functions that it defines whichever file fills it.
type Slot = (&'static str, &'static [&'static str]);

const SLOTS: [Slot; 27] = [
    ("affine", &["weight"]),
    ("again", &["again"]),
    (
        "axes",
        &[
            "enter",
            "has_work",
            "slab_row",
            "matrix_row",
            "input_row",
            "output_at",
            "weight_row",
            "known",
        ],
    ),
    ("centre", &["about_middle"]),
    ("codes", &["fields", "unpack1", "unpack2", "unpack4", "lowered"]),
    ("coop", &["put_w", "put_x"]),
    ("enables", &[]),
    ("entries", &["lane_index", "main"]),
    ("epilogues", &["finish"]),
    ("factors", &["factors", "sum_of_x", "weighted"]),
    ("formats", &["affine"]),
    ("gates", &["multiply_all"]),
    ("inputs", &["x_at"]),
    ("integer_sums", &["weighted"]),
    ("integers", &["level_words", "level_sum"]),
    ("kernels", &["main"]),
    ("levels", &["levels"]),
    ("outputs/f", &["write", "word_of", "element"]),
    ("outputs/s", &["store"]),
    ("pairs", &["byte_pairs", "weight_pairs", "centred", "pair_level_sum"]),
    ("parts", &["lane_tile_at", "store_lane_tile"]),
    ("planes", &["touch"]),
    ("reduce", &["reduce"]),
    ("rows", &["row_wanted"]),
    ("scales", &["scale_unit", "hold", "scale_at"]),
    ("spread", &[]),
    ("sums.wgsl", &["settled", "plus"]),
];

/// Folders of whole kernels that bring their own bindings.
const APART: [&str; 4] = ["attention", "kv", "layer", "linear"];

/// Every kernel of the table, for one row of x on a processor and nine on a card.
fn of_format(format: Format) -> Vec<Source> {
    let mut sources = Vec::new();
    let kernels = TABLE.iter().filter(|k| k.check_codes(format).is_ok());
    for kernel in kernels {
        for (class, m) in [(DeviceClass::Cpu, 1), (DeviceClass::Gpu, 9)] {
            for caps in [kernel.needs.caps, super::Caps::ALL] {
                let traits = Traits::typical(class, caps);
                let tuning = (kernel.tuning)(&traits, m);
                let block = format.block_len().unwrap_or(1);
                let k = if m == 1 { 256usize } else { 784 }.next_multiple_of(block);
                let axes = match kernel.shape {
                    Shape::Product => all_axes(kernel),
                    _ => vec![Axes::default()],
                };
                for axes in axes {
                    let dialect = Dialect::Naga;
                    sources.push(compose_with(format, kernel, &tuning, k, &axes, dialect));
                    if axes.slices > 1 {
                        sources.push(compose_sum(&one_invocation_a_part(), &axes));
                    }
                }
            }
        }
    }
    sources
}

/// Parses and validates as on a device with everything.
fn validate(text: &str) -> Result<Module, String> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    let module = naga::front::wgsl::parse_str(text).map_err(|e| e.emit_to_string(text))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let valid = validator.validate(&module);
    valid.map_err(|e| e.emit_to_string(text))?;
    Ok(module)
}

/// Whether a composition keeps to the slots that it fills, to the table of bindings and to `Params`.
fn check(source: &Source) -> Result<(), String> {
    // Parsing fails where a constant or a function is there twice.
    let module = validate(&source.text)?;
    if let Some(line) = source.text.lines().find(|line| line.contains("// unroll")) {
        return Err(format!("a mark is not honoured: {line}"));
    }
    let entries = module.entry_points.iter().map(|e| e.name.as_str());
    let functions = module.functions.iter().filter_map(|(_, f)| f.name.as_deref());
    let defined: BTreeSet<&str> = functions.chain(entries).collect();
    for (folder, functions) in SLOTS {
        let filled = source.paths().iter().any(|path| path.starts_with(folder));
        let missing = functions.iter().find(|f| filled && !defined.contains(*f));
        if let Some(function) = missing {
            return Err(format!("{folder} does not define {function}"));
        }
    }
    for (_, global) in module.global_variables.iter() {
        let Some(at) = &global.binding else { continue };
        let name = global.name.as_deref().unwrap_or("");
        let known = NAMES
            .iter()
            .any(|(binding, names)| *binding == at.binding && names.contains(&name));
        if !known || at.group != 0 {
            return Err(format!("{name} is bound at {at:?}"));
        }
        if global.space == AddressSpace::Uniform {
            check_params(&module.types[global.ty].inner)?;
        }
    }
    Ok(())
}

fn check_params(inner: &TypeInner) -> Result<(), String> {
    let TypeInner::Struct { members, span } = inner else {
        return Err("params is not a struct".into());
    };
    let got: Vec<_> = members
        .iter()
        .map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize))
        .collect();
    let want: Vec<_> = Params::FIELDS
        .iter()
        .map(|(name, at)| (name.to_string(), *at))
        .collect();
    if got != want || *span as usize != size_of::<Params>() {
        return Err(format!("params of {span} bytes are {got:?}, should be {want:?}"));
    }
    Ok(())
}

/// Formats of every kind of codes, levels, scales and affine between them.
fn formats() -> Vec<Format> {
    let mut formats = Format::ALL.to_vec();
    formats.push(Format::INT4.with_group(Group::Row).unwrap());
    formats.push(Format::INT4_ASYM.with_group(8).unwrap());
    for (format, scale) in [
        (Format::INT3_BIAS, ScaleType::F32),
        (Format::INT4_ASYM, ScaleType::BF16),
        (Format::INT4, ScaleType::BF16),
        (Format::INT3_QZEROS, ScaleType::F32),
        (Format::FP4_E2M1, ScaleType::E4M3),
    ] {
        formats.push(format.with_scale(scale).unwrap());
    }
    formats
}

#[test]
fn every_composition_keeps_to_its_slots() {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    // Every axis around every kernel is tried with a few formats; all formats meet every kernel in tests/compose.
    for format in formats() {
        let few = [Format::INT4, Format::IQ4_NL, Format::F16];
        let mut sources = of_format(format);
        for source in &sources {
            seen.extend(source.paths());
        }
        if !few.contains(&format) {
            sources.truncate(1);
        }
        count += sources.len();
        sources.par_iter().for_each(|source| {
            check(source).unwrap_or_else(|e| panic!("{}: {e}", source.name));
        });
    }
    println!("{count} compositions");
    assert!(count > 500, "{count}");

    // Small kernels, and the line more that browsers get: each file's path stands above its text.
    let browser = every_shader(&[Format::INT4], Dialect::Browser);
    let lines = browser.iter().flat_map(|shader| shader.text.lines());
    let lines: BTreeSet<_> = lines.filter_map(|line| line.strip_prefix("// ")).collect();
    seen.extend(lines);
    assert!(
        browser
            .iter()
            .any(|shader| shader.text.starts_with("enable subgroups;"))
    );
    seen.insert("enables/subgroups.wgsl");

    // A file that no text has is dead, or its kind is missing.
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut unused = Vec::new();
    for folder in std::fs::read_dir(&root).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            let path = format!("{name}/{file}");
            let known = SLOTS.iter().any(|(slot, _)| slot.starts_with(&name)) || APART.contains(&name.as_str());
            assert!(known, "{name} is no slot: add a row to SLOTS in src/shader/slots.rs");
            if !seen.contains(path.as_str()) {
                unused.push(path);
            }
        }
    }
    assert!(
        unused.is_empty(),
        "no text has {unused:?}: add the kind that does to src/shader/every.rs"
    );
}

/// What the check is to find.
#[test]
fn broken_compositions_are_reported() {
    let kernel = by_name("lane_tile").unwrap();
    let traits = Traits::typical(DeviceClass::Cpu, kernel.needs.caps);
    let tuning = (kernel.tuning)(&traits, 1);
    let axes = Axes::default();
    let compose = || compose_with(Format::Q4_0, kernel, &tuning, 256, &axes, Dialect::Naga);
    check(&compose()).unwrap();
    for (from, to) in [
        ("fn about_middle(", "fn about_center("),
        ("fn touch(", "fn touches("),
        ("@binding(4)", "@binding(9)"),
        ("    first_row: u32,", "    first_rows: u32,"),
        ("const PART: u32", "const GROUP: u32 = 1u;\nconst PART: u32"),
        ("fn known() -> bool {", "fn known() -> bool { // unroll"),
    ] {
        let mut source = compose();
        assert!(source.text.contains(from), "no {from:?}");
        source.text = source.text.replace(from, to);
        assert!(check(&source).is_err(), "{from} as {to}");
    }
}

/// As a browser does, by Tint: its rules on uniform control flow are stricter.
fn lint(text: &str) -> Result<(), String> {
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(format!("lowbit-{process}-{thread:?}.wgsl"));
    std::fs::write(&path, text).unwrap();
    let mut tint = Command::new("tint");
    let output = tint.args(["--format", "wgsl"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Kernels with barriers and without, under every axis. A range of parts that differs from lane to lane would leave
/// barriers in uniform flow no more, which naga does not look at.
#[test]
fn tint_accepts_every_axis() {
    if Command::new("tint").arg("--help").output().is_err() {
        println!("not run: `tint` is not on the PATH");
        return;
    }
    let traits = Traits::typical(DeviceClass::Gpu, super::Caps::NONE);
    for kernel in ["gemv", "gemm"].map(|name| by_name(name).unwrap()) {
        for axes in all_axes(kernel) {
            let tuning = (kernel.tuning)(&traits, 4);
            let source = compose_with(Format::INT4, kernel, &tuning, 256, &axes, Dialect::Browser);
            lint(&source.text).unwrap_or_else(|e| panic!("{}: {e}", source.name));
            if kernel.name == "gemm" && axes.axis == Axis::Grouped {
                let (from, to) = (
                    "let which = matrix_of(index);",
                    "let which = member + matrix_of(index);",
                );
                assert!(source.text.contains(from));
                assert!(lint(&source.text.replace(from, to)).is_err());
            }
        }
    }
}

//! Every product's shader through the compilers that devices have: naga, and Tint, which browsers have. Run by tests
//! only.

use super::axes::{Axes, Axis, FloatType};
use super::choose::{integers_pay, ladder};
use super::compose::compose_with;
use super::epilogue::Epilogue;
use super::kernels::{by_name, Kernel, Shape, TABLE};
use super::traits::{DeviceClass, Dialect, Traits};
use crate::{Format, Precision};
use rayon::prelude::*;
use std::collections::HashSet;
use std::process::Command;
use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu::{naga, Features};

const AXES: [Axis; 4] = [Axis::One, Axis::Batched, Axis::Experts, Axis::Grouped];

struct Shader {
    name: String,
    text: String,
    /// What its device must have.
    features: Features,
    /// Its files, of which numbers and a few constants make the text.
    files: Vec<String>,
}

/// All formats, with every type of scale and every kind of group.
fn formats() -> Vec<Format> {
    let mut all = Format::ALL.to_vec();
    for format in Format::ALL {
        all.extend([8, 16].iter().filter_map(|g| format.with_group(*g).ok()));
        all.extend(format.per_row());
        let scales = format.scale_types();
        all.extend(
            scales
                .iter()
                .map(|s| format.with_scale(*s).expect("one of its own")),
        );
    }
    let mut seen = HashSet::new();
    all.retain(|format| seen.insert(*format));
    all
}

/// Each kernel, axis and format once; classes, m, k, types, epilogues and slices take turns.
fn shaders(dialect: Dialect) -> Vec<Shader> {
    let mut shaders = Vec::new();
    let products = TABLE.iter().filter(|k| k.shape == Shape::Product);
    let mut turn = 0;
    for format in formats() {
        turn += 1;
        for kernel in products.clone().filter(|k| k.check_codes(format).is_ok()) {
            for axis in AXES {
                turn += 1;
                shaders.push(shader(format, kernel, axis, turn, dialect));
            }
        }
    }
    shaders
}

fn shader(
    format: Format,
    kernel: &'static Kernel,
    axis: Axis,
    turn: usize,
    dialect: Dialect,
) -> Shader {
    let class = [DeviceClass::Cpu, DeviceClass::Gpu][turn % 2];
    let halves = kernel.needs.features.contains(Features::SHADER_F16);
    let long = match class {
        DeviceClass::Cpu if turn.is_multiple_of(3) && dialect == Dialect::Naga => {
            Features::SHADER_INT64
        }
        _ => Features::empty(),
    };
    let k = [256, 784][turn / 2 % 2];
    let slices = match axis {
        Axis::One | Axis::Batched if kernel.slices() && turn.is_multiple_of(5) => 2,
        _ => 1,
    };
    let axes = Axes {
        axis,
        inputs: match turn % 4 {
            0 if !kernel.takes_bytes() => FloatType::F16,
            _ => FloatType::F32,
        },
        outputs: match halves && turn % 3 == 1 {
            true => FloatType::F16,
            false => FloatType::F32,
        },
        zero_point: kernel.takes_bytes() && turn.is_multiple_of(2),
        epilogues: match turn % 3 {
            0 => vec![Epilogue::Bias, Epilogue::SiluGate, Epilogue::RowScale],
            1 => vec![Epilogue::Scale, Epilogue::GeluTanh, Epilogue::Residual],
            _ => Vec::new(),
        },
        slices,
    };
    let traits = Traits::typical(class, kernel.needs.features | long);
    let tuning = (kernel.tuning)(&traits, [1, 3, 9, 70][turn % 4]);
    let k = format.row_bytes(k).map_or(768, |_| k);
    let source = compose_with(format, kernel, &tuning, k, &axes, dialect);
    let files = source.text.lines().filter(|l| l.ends_with(".wgsl"));
    let files = files.map(String::from).collect();
    Shader {
        name: format!("{class:?} {}", source.name),
        features: kernel.needs.features | axes.features() | long,
        files,
        text: source.text,
    }
}

/// One of each kind: with the same files for the same features.
fn kinds(mut shaders: Vec<Shader>) -> Vec<Shader> {
    let mut seen = HashSet::new();
    shaders.retain(|s| seen.insert((s.files.clone(), s.features)));
    shaders
}

/// Parses and validates as wgpu does on a device with these features.
fn validate(shader: &Shader) -> Result<(), String> {
    let text = &shader.text;
    let failed = |e: String| format!("{}: {e}", shader.name);
    let module = naga::front::wgsl::parse_str(text).map_err(|e| failed(e.emit_to_string(text)))?;
    // `unpack2x16float`: in WebGPU, and a downlevel flag of wgpu's that every backend has.
    let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    for (feature, capability) in [
        (Features::SHADER_F16, Capabilities::SHADER_FLOAT16),
        (Features::SHADER_INT64, Capabilities::SHADER_INT64),
        (Features::SUBGROUP, Capabilities::SUBGROUP),
        (
            Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
            Capabilities::COOPERATIVE_MATRIX,
        ),
    ] {
        if shader.features.contains(feature) {
            capabilities |= capability;
        }
    }
    Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(&module)
        .map(drop)
        .map_err(|e| failed(e.emit_to_string(text)))
}

#[test]
fn no_constant_is_printed_twice() {
    for shader in shaders(Dialect::Naga) {
        let mut seen = HashSet::new();
        for line in shader.text.lines() {
            let Some(declared) = line.strip_prefix("const ") else {
                continue;
            };
            let name = declared.split([':', ' ']).next();
            assert!(seen.insert(name), "{}: {line}", shader.name);
        }
    }
}

#[test]
fn every_kernel_axis_and_format_is_valid() {
    let kinds = kinds(shaders(Dialect::Naga));
    println!("{} kinds of shaders", kinds.len());
    let failures: Vec<String> = kinds.par_iter().filter_map(|s| validate(s).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} failed: {}",
        failures.len(),
        kinds.len(),
        failures[0]
    );
}

/// As a browser does, by Tint.
fn tint(number: usize, text: &str) -> Result<(), String> {
    let file = format!("lowbit-{}-{number}.wgsl", std::process::id());
    let path = std::env::temp_dir().join(file);
    std::fs::write(&path, text).unwrap();
    let output = Command::new("tint")
        .args(["--format", "wgsl"])
        .arg(&path)
        .output();
    std::fs::remove_file(&path).unwrap();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Whether Tint is there; says so where it is not.
fn has_tint() -> bool {
    let found = Command::new("tint").arg("--help").output().is_ok();
    if !found {
        println!("not run: `tint` is not on the PATH");
    }
    found
}

/// Browsers have subgroups where a line enables them, which naga does not know.
#[test]
fn browsers_are_told_of_subgroups() {
    let kernel = by_name("gemv_subgroup").unwrap();
    let of = |dialect| shader(Format::Q4_0, kernel, Axis::One, 1, dialect);
    let (native, browser) = (of(Dialect::Naga), of(Dialect::Browser));
    assert_eq!(browser.text, format!("enable subgroups;\n{}", native.text));
    assert!(validate(&native).is_ok() && validate(&browser).is_err());
    let plain = by_name("gemv").unwrap();
    let plain = |dialect| shader(Format::Q4_0, plain, Axis::One, 1, dialect).text;
    assert_eq!(plain(Dialect::Browser), plain(Dialect::Naga));
    if has_tint() {
        assert!(tint(0, &native.text).is_err());
        let web = kinds(shaders(Dialect::Browser)).into_iter();
        let web = web.filter(|s| {
            !s.features
                .contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
        });
        let web: Vec<_> = web.collect();
        println!("{} kinds of shaders", web.len());
        web.par_iter().enumerate().for_each(|(i, shader)| {
            tint(1 + i, &shader.text).unwrap_or_else(|e| panic!("{}: {e}", shader.name));
        });
    }
}

/// What multiplies bytes by several instructions is given no kernel that does, unless by name.
#[test]
fn bytes_are_multiplied_where_they_pay() {
    let mut traits = Traits::typical(DeviceClass::Gpu, Features::SUBGROUP);
    let precision = |traits: &Traits| match integers_pay(traits, Format::Q4_0, 1) {
        true => Precision::I8,
        false => Precision::F32,
    };
    let best = |traits: &Traits| ladder(traits, Format::Q4_0, 1, precision(traits))[0].name;
    assert_eq!(best(&traits), "gemv_dp4a_subgroup");
    traits.packed_dots = false;
    assert_eq!(best(&traits), "gemv_subgroup");
}

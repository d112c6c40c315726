//! The compilers of all platforms accept every shader that can be composed. No GPU is needed.

mod common;
#[path = "compose/tint.rs"]
mod tint;
#[path = "compose/valid.rs"]
mod valid;
#[path = "compose/writers.rs"]
mod writers;

use lowbit::{
    Caps, DeviceClass, Dialect, Format, KERNELS, KernelInfo, Precision, ShaderKind, ShaderText, every_shader, wgsl,
};
use naga::BuiltIn;
use naga::back::hlsl::ShaderModel;
use naga::valid::Capabilities;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use valid::validate;
use writers::{WRITERS, hlsl, unset_built_ins};

/// naga's validator's name for these capabilities.
fn capabilities(caps: Caps) -> Capabilities {
    [
        (Caps::SUBGROUP, Capabilities::SUBGROUP),
        (Caps::SHADER_F16, Capabilities::SHADER_FLOAT16),
        (Caps::SHADER_INT64, Capabilities::SHADER_INT64),
        (Caps::COOPERATIVE_MATRIX, Capabilities::COOPERATIVE_MATRIX),
    ]
    .into_iter()
    .filter(|(cap, _)| caps.contains(*cap))
    .fold(Capabilities::empty(), |all, (_, capability)| all | capability)
}

#[test]
fn naga_and_its_writers_accept_every_shader() {
    let texts = every_shader(&common::formats(), Dialect::Naga);
    // Per writer, the texts left out because the writer lacks what they need.
    let left_out: Vec<Vec<(&str, Capabilities)>> = texts
        .par_iter()
        .map(|text| {
            let name = &text.name;
            let valid = validate(name, &text.text).unwrap();
            // Declared capabilities cover the real needs, so a text that declares none is never left out.
            let said = capabilities(text.caps);
            assert!(
                said.contains(valid.needs),
                "{name} needs {:?}, {:?} was declared",
                valid.needs,
                text.caps
            );
            let mut left_out = Vec::new();
            for writer in &WRITERS {
                let missing = valid.needs - (writer.has)();
                if !missing.is_empty() {
                    left_out.push((writer.name, missing));
                    continue;
                }
                let written = (writer.write)(&valid).unwrap_or_else(|e| panic!("{name}: {e}"));
                if writer.name.starts_with("HLSL") {
                    assert_eq!(unset_built_ins(&valid, &written), [], "{name}");
                }
            }
            left_out
        })
        .collect();
    let count = texts.len();
    println!("{count} shaders are valid: {:?}", kinds(&texts));
    assert!(count > 1000, "{count}");

    let left_out: Vec<_> = left_out.into_iter().flatten().collect();
    let mut counts = BTreeMap::new();
    for (writer, missing) in &left_out {
        *counts.entry((writer, format!("{missing:?}"))).or_insert(0) += 1;
    }
    for writer in &WRITERS {
        let without = left_out.iter().filter(|(w, ..)| *w == writer.name).count();
        println!("{}: {} written, {without} left out", writer.name, count - without);
    }
    for ((writer, missing), count) in counts {
        println!("{writer}: {count} left out, which need {missing}");
    }
}

/// How many texts there are of each kind.
fn kinds(texts: &[ShaderText]) -> BTreeMap<ShaderKind, usize> {
    let mut kinds = BTreeMap::new();
    for text in texts {
        *kinds.entry(text.kind).or_insert(0) += 1;
    }
    kinds
}

/// Kernels of integers refuse some formats; no other kernel does.
#[test]
fn kernels_refuse_formats_without_integers() {
    let kernel = |name: &str| KERNELS.iter().find(|k| k.name == name).unwrap();
    let refuses = |format: Format, name: &str| !kernel(name).serves(format);
    assert!(refuses(Format::NF4, "gemm_dp4a") && refuses(Format::F16, "gemv_dp4a"));
    assert!(!refuses(Format::MXFP4, "gemm_dp4a") && !refuses(Format::Q4_0, "gemv_dp4a"));
    assert!(refuses(Format::Q4_0, "gemv_dp4a_2bit") && !refuses(Format::TQ2_0, "gemv_dp4a_2bit"));
    let serves_all = |kernel: &&KernelInfo| common::formats().into_iter().all(|format| kernel.serves(format));
    for kernel in KERNELS {
        assert_eq!(serves_all(&kernel), kernel.precision != Precision::I8, "{kernel}");
        for format in common::formats().into_iter().filter(|_| kernel.field_bits.is_none()) {
            let serves = kernel.precision != Precision::I8 || format.has_integers();
            assert_eq!(kernel.serves(format), serves, "{kernel}, {format}");
        }
    }
}

/// The files that `./test dxc` compiles: a ninth of the kernels' texts, since DXC takes a quarter of a second for each,
/// and a third of the others. They alternate between two shader models: the last that DXC 1.7 has and, if the text has
/// no halves, the first, for which naga expands products of bytes.
#[test]
#[ignore = "writes files for ./test dxc into the folder LOWBIT_HLSL"]
fn hlsl_for_dxc_is_written() {
    let folder = std::env::var_os("LOWBIT_HLSL").expect("LOWBIT_HLSL names a folder");
    let folder = std::path::Path::new(&folder);
    let mut texts = every_shader(&common::formats(), Dialect::Naga);
    // No DirectX device supports them.
    texts.retain(|text| !text.caps.contains(Caps::COOPERATIVE_MATRIX));
    texts.sort_by_key(|text| text.kind);
    let every = |kind: ShaderKind| if kind == ShaderKind::Kernel { 9 } else { 3 };
    let chosen = texts.chunk_by(|a, b| a.kind == b.kind);
    let chosen = chosen.flat_map(|texts| texts.iter().step_by(every(texts[0].kind)));
    let chosen: Vec<_> = chosen.enumerate().collect();
    let profiles: BTreeSet<_> = chosen
        .par_iter()
        .map(|(number, text)| {
            let valid = validate(&text.name, &text.text).unwrap();
            let halves = valid.needs.contains(Capabilities::SHADER_FLOAT16);
            let (profile, model) = if number % 2 == 0 || halves {
                ("cs_6_7", ShaderModel::V6_7)
            } else {
                ("cs_6_0", ShaderModel::V6_0)
            };
            let path = folder.join(format!("{}.{profile}.hlsl", text.name));
            std::fs::write(path, hlsl(&valid, model).unwrap()).unwrap();
            profile
        })
        .collect();
    println!("{} shaders written", chosen.len());
    assert_eq!(profiles.len(), 2);
    let formats: HashSet<_> = chosen.iter().map(|(_, t)| t.format).collect();
    assert!(texts.iter().all(|t| formats.contains(&t.format)));
    let kernels: BTreeSet<_> = chosen.iter().map(|(_, t)| (t.kind, t.kernel)).collect();
    assert!(
        texts.iter().all(|t| kernels.contains(&(t.kind, t.kernel))),
        "{kernels:?}"
    );
}

#[test]
fn tint_accepts_every_shader() {
    if !tint::is_here() {
        return;
    }
    let mut texts = every_shader(&common::formats(), Dialect::Browser);
    // wgpu's own extension, which no browser supports.
    texts.retain(|text| !text.caps.contains(Caps::COOPERATIVE_MATRIX));
    texts
        .par_iter()
        .for_each(|text| tint::lint(&text.name, &text.text).unwrap());
    println!("{} shaders pass tint: {:?}", texts.len(), kinds(&texts));
    let kernels: BTreeSet<_> = texts.iter().filter_map(|t| t.kernel).collect();
    let all = KERNELS.iter().filter(|k| !k.needs.contains(Caps::COOPERATIVE_MATRIX));
    assert_eq!(kernels, all.map(|k| k.name).collect());

    // A barrier that only some lanes reach: naga accepts it, Tint must not.
    let text = wgsl(Format::Q4_0, "gemm", 64, 256, DeviceClass::Gpu).unwrap();
    let broken = text.replacen(
        "        if (lane < TILE_N) {",
        "        if (lane > 3u) { continue; }\n        if (lane < TILE_N) {",
        1,
    );
    assert_ne!(broken, text);
    assert!(tint::lint("broken", &broken).is_err());
}

/// The check by naga must be able to fail.
#[test]
fn a_broken_shader_is_reported() {
    let text = wgsl(Format::Q4_0, "gemv", 1, 256, DeviceClass::Cpu).unwrap();
    assert!(validate("sound", &text).is_ok());
    let broken = text.replacen("fn affine(row: Row,", "fn affine(row: f32,", 1);
    assert_ne!(broken, text);
    assert!(validate("broken", &broken).is_err());
}

/// Subgroup built-ins in a struct: naga's HLSL does not set them, and the check must report that.
#[test]
fn built_ins_that_hlsl_does_not_set_are_reported() {
    let text = wgsl(Format::Q4_0, "lane_tile_subgroup", 1, 256, DeviceClass::Gpu).unwrap();
    let sound = validate("sound", &text).unwrap();
    let written = hlsl(&sound, ShaderModel::V6_7).unwrap();
    assert_eq!(unset_built_ins(&sound, &written), []);

    let file = include_str!("../shaders/entries/in_subgroup.wgsl");
    let entry = &file[file.find("@compute").unwrap()..];
    let in_struct = "struct All {
            @builtin(workgroup_id) id: vec3<u32>,
            @builtin(num_workgroups) count: vec3<u32>,
            @builtin(local_invocation_index) index: u32,
            @builtin(subgroup_invocation_id) in_subgroup: u32,
        }
        @compute @workgroup_size(WORKGROUP)
        fn main(all: All) {
            multiply_tile(all.id, all.count, Lane(all.index, all.in_subgroup));
        }";
    let broken = text.replacen(entry, in_struct, 1);
    assert_ne!(broken, text);
    let broken = validate("broken", &broken).unwrap();
    let written = hlsl(&broken, ShaderModel::V6_7).unwrap();
    let unset = unset_built_ins(&broken, &written);
    assert_eq!(unset, [BuiltIn::SubgroupInvocationId], "{written}");
}

#[test]
fn unknown_kernels_are_named() {
    let e = wgsl(Format::Q4_0, "gemmm", 1, 256, DeviceClass::Cpu).unwrap_err();
    assert!(e.to_string().contains("gemmm") && e.to_string().contains("gemv"), "{e}");
}

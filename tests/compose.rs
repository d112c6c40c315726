//! Every shader that can be composed is what the compilers of all platforms take: no GPU is needed to know.

mod common;
#[path = "compose/texts.rs"]
mod texts;
#[path = "compose/tint.rs"]
mod tint;
#[path = "compose/valid.rs"]
mod valid;
#[path = "compose/writers.rs"]
mod writers;

use lowbit::{DeviceClass, Dialect, Format, KERNELS, wgsl};
use naga::BuiltIn;
use naga::back::hlsl::ShaderModel;
use naga::valid::Capabilities;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use texts::one_of_each;
use valid::validate;
use writers::{WRITERS, hlsl, unset_built_ins};

/// The line of shaders that need cooperative matrices.
const MATRICES: &str = "enable wgpu_cooperative_matrix;";

#[test]
fn naga_and_its_writers_accept_every_format_and_kernel() {
    let texts = one_of_each(&common::formats(), Dialect::Naga);
    // What each writer leaves out, for want of what the text needs.
    let left_out: Vec<Vec<(&str, &str, Capabilities)>> = texts
        .texts
        .par_iter()
        .map(|text| {
            let name = &text.name;
            let valid = validate(name, &text.text).unwrap();
            let mut left_out = Vec::new();
            for writer in &WRITERS {
                let missing = valid.needs - (writer.has)();
                if !missing.is_empty() {
                    left_out.push((writer.name, text.kernel, missing));
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
    let count = texts.texts.len();
    println!("{count} shaders are valid");
    assert!(count > 1000, "{count}");

    let left_out: Vec<_> = left_out.into_iter().flatten().collect();
    let mut counts = BTreeMap::new();
    for (writer, kernel, missing) in &left_out {
        *counts.entry((writer, format!("{missing:?}"))).or_insert(0) += 1;
        // By name too, lest a text be thought to need what it does not: those that need nothing are never left out.
        let may = ["_subgroup", "_f16", "_coop_"].iter().any(|n| kernel.contains(n));
        let words = kernel.contains("lane_tile") && missing.contains(Capabilities::SHADER_INT64);
        assert!(may || words, "{writer} leaves out {kernel}: {missing:?}");
    }
    for writer in &WRITERS {
        let without = left_out.iter().filter(|(w, ..)| *w == writer.name).count();
        println!("{}: {} written, {without} left out", writer.name, count - without);
    }
    for ((writer, missing), count) in counts {
        println!("{writer}: {count} left out, which need {missing}");
    }

    // Kernels of integers refuse formats, and only they do.
    let refused = &texts.without_codes;
    let refuses = |format: &str, kernel| refused.contains(&(format.to_string(), kernel));
    assert!(refuses("nf4", "gemm_dp4a") && refuses("f16", "gemv_dp4a"));
    assert!(!refuses("mxfp4", "gemm_dp4a") && !refuses("q4_0", "gemv_dp4a"));
    assert!(refuses("q4_0", "gemv_dp4a_2bit") && !refuses("tq2_0", "gemv_dp4a_2bit"));
    assert!(refused.iter().all(|(_, k)| k.contains("dp4a") || k.contains("pairs")));
}

/// The files that `./test dxc` compiles: a ninth of the texts, since DXC takes a quarter of a second for each. They take turns
/// at two shader models, the last that DXC 1.7 has and, where there are no halves, the first, for which naga writes
/// products of bytes out.
#[test]
#[ignore = "writes files for ./test dxc into the folder LOWBIT_HLSL"]
fn hlsl_for_dxc_is_written() {
    let folder = std::env::var_os("LOWBIT_HLSL").expect("LOWBIT_HLSL names a folder");
    let folder = std::path::Path::new(&folder);
    let mut texts = one_of_each(&common::formats(), Dialect::Naga).texts;
    // No DirectX device has them.
    texts.retain(|text| !text.text.contains(MATRICES));
    let chosen: Vec<_> = texts.iter().step_by(9).enumerate().collect();
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
    let formats: BTreeSet<_> = chosen.iter().map(|(_, t)| t.format.to_string()).collect();
    assert!(texts.iter().all(|t| formats.contains(&t.format.to_string())));
    let kernels: BTreeSet<_> = chosen.iter().map(|(_, t)| t.kernel).collect();
    assert!(texts.iter().all(|t| kernels.contains(t.kernel)), "{kernels:?}");
}

#[test]
fn tint_accepts_every_format_and_kernel() {
    if !tint::is_here() {
        return;
    }
    let mut texts = one_of_each(&common::formats(), Dialect::Browser).texts;
    // wgpu's own extension, which no browser has.
    texts.retain(|text| !text.text.contains(MATRICES));
    texts
        .par_iter()
        .for_each(|text| tint::lint(&text.name, &text.text).unwrap());
    println!("{} shaders pass tint", texts.len());
    let kernels: BTreeSet<_> = texts.iter().map(|t| t.kernel).collect();
    assert_eq!(kernels.len(), KERNELS.len() - 2, "all but two: {kernels:?}");

    // A barrier that only some lanes reach: naga takes it, Tint must not.
    let text = wgsl(Format::Q4_0, "gemm", 64, 256, DeviceClass::Gpu).unwrap();
    let broken = text.replacen(
        "        if (lane < TILE) {",
        "        if (lane > 3u) { continue; }\n        if (lane < TILE) {",
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

/// A subgroup's built-ins in a struct, as they once were: naga's HLSL does not set them, and the check must see it.
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

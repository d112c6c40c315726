//! Every shader that can be composed is valid WGSL: no GPU is needed to know.

mod common;

use lowbit::wgpu::naga;
use lowbit::{wgsl, DeviceClass, Error, Format, KERNELS};
use std::collections::BTreeSet;

/// Parses and validates as wgpu does on a device with nothing optional but what the shader enables.
fn validate(name: &str, text: &str) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(text)
        .map_err(|e| format!("{name}: {}", e.emit_to_string(text)))?;
    let flags = naga::valid::ValidationFlags::all();
    // `unpack2x16float`: in WebGPU, and a downlevel flag of wgpu's that every backend has.
    let mut capabilities = naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    for (line, needed) in [
        ("enable f16;", naga::valid::Capabilities::SHADER_FLOAT16),
        (
            "enable wgpu_cooperative_matrix;",
            naga::valid::Capabilities::COOPERATIVE_MATRIX,
        ),
        // wgpu has no such line for subgroups.
        ("@builtin(subgroup_", naga::valid::Capabilities::SUBGROUP),
    ] {
        if text.contains(line) {
            capabilities |= needed;
        }
    }
    naga::valid::Validator::new(flags, capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|e| format!("{name}: {}", e.emit_to_string(text)))?;
    Ok(())
}

#[test]
fn every_format_and_kernel_composes_to_valid_wgsl() {
    let mut count = 0;
    let mut without_codes = BTreeSet::new();
    for (place, format) in common::formats().into_iter().enumerate() {
        for (number, kernel) in KERNELS.iter().enumerate() {
            let mut variant = place + number;
            for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
                // Only products depend on m and, by their inputs, on k.
                let decodes = ["get_rows", "dequantize", "inspect"].contains(kernel);
                let (ms, ks) = match !decodes {
                    true => (&[1, 3, 9][..], &[256, 784][..]),
                    false => (&[1][..], &[256][..]),
                };
                for &m in ms {
                    for &k in ks {
                        // A sixth of them all, others for each neighbour: validation is slow. Of the rest one
                        // tells whether the kernel refuses the format.
                        variant += 1;
                        let validated = variant.is_multiple_of(6) || decodes;
                        if !validated && variant > place + number + 1 {
                            continue;
                        }
                        let text = match wgsl(format, kernel, m, k, class) {
                            Ok(text) => text,
                            Err(Error::NoCodes { .. }) => {
                                without_codes.insert((format.to_string(), *kernel));
                                continue;
                            }
                            Err(_) => {
                                assert!(!k.is_multiple_of(format.block_len()), "{format}");
                                continue;
                            }
                        };
                        if validated {
                            validate(&format!("{format}/{kernel} m={m}"), &text).unwrap();
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{count} shaders are valid");
    assert!(count > 1000);
    // Kernels of integers refuse formats, and only they do.
    let refuses = |format: &str, kernel| without_codes.contains(&(format.to_string(), kernel));
    assert!(refuses("nf4", "gemm_dp4a") && refuses("f16", "gemv_dp4a"));
    assert!(!refuses("mxfp4", "gemm_dp4a") && !refuses("q4_0", "gemv_dp4a"));
    assert!(refuses("q4_0", "gemv_dp4a_2bit") && !refuses("tq2_0", "gemv_dp4a_2bit"));
    assert!(without_codes
        .iter()
        .all(|(_, k)| k.contains("dp4a") || k.contains("pairs")));
}

/// Browsers compile with Tint, whose rules on uniform control flow are stricter than naga's. It is not
/// on every machine; where it is not, that is printed.
#[test]
fn tint_accepts_every_format_and_kernel() {
    use std::process::Command;
    if Command::new("tint").arg("--help").output().is_err() {
        println!("not run: `tint` is not on the PATH");
        return;
    }
    let lint = |name: &str, text: &str| {
        // wgpu's own dialect has no such line, and refuses it.
        let enable = match name.contains("_subgroup") {
            true => "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n",
            false => "",
        };
        let text = format!("{enable}{text}");
        let path = std::env::temp_dir().join(format!("lowbit-{}.wgsl", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let tint = Command::new("tint")
            .args(["--format", "wgsl"])
            .arg(&path)
            .output()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        let message = String::from_utf8_lossy(&tint.stderr).into_owned();
        match tint.status.success() {
            true => Ok(()),
            false => Err(format!("{name}: {message}")),
        }
    };
    let mut count = 0;
    let variants = [(DeviceClass::Cpu, 8, 256), (DeviceClass::Gpu, 3, 784)];
    for (place, format) in Format::ALL.iter().enumerate() {
        for (number, kernel) in KERNELS.iter().enumerate() {
            // A sixth of the formats for each kernel and variant, others for its neighbours.
            for (v, (class, m, k)) in variants.into_iter().enumerate() {
                if !(place + number + 3 * v).is_multiple_of(6) {
                    continue;
                }
                let k = format.row_bytes(k).map_or(768, |_| k);
                // Every kernel of integers composes for some format; this one has no codes for it.
                let text = match wgsl(*format, kernel, m, k, class) {
                    Err(Error::NoCodes { .. }) => continue,
                    text => text.unwrap(),
                };
                if kernel.contains("_coop_") {
                    // wgpu's own extension, which no browser has.
                    continue;
                }
                lint(&format!("{format}/{kernel}"), &text).unwrap();
                count += 1;
            }
        }
    }
    println!("{count} shaders pass tint");
    assert!(count > 10 * KERNELS.len());
    // A barrier that only some lanes reach: naga takes it, Tint must not.
    let text = wgsl(Format::Q4_0, "gemm", 64, 256, DeviceClass::Gpu).unwrap();
    let broken = text.replacen(
        "        if (lane < TILE) {",
        "        if (lane > 3u) { continue; }\n        if (lane < TILE) {",
        1,
    );
    assert_ne!(broken, text);
    assert!(lint("broken", &broken).is_err());
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

#[test]
fn unknown_kernels_are_named() {
    let e = wgsl(Format::Q4_0, "gemmm", 1, 256, DeviceClass::Cpu).unwrap_err();
    assert!(
        e.to_string().contains("gemmm") && e.to_string().contains("gemv"),
        "{e}"
    );
}

//! Every shader that can be composed is valid WGSL: no GPU is needed to know.

mod common;

use lowbit::wgpu::naga;
use lowbit::{wgsl, DeviceClass, Format, KERNELS};

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
        .validate(&module)
        .map_err(|e| format!("{name}: {}", e.emit_to_string(text)))?;
    Ok(())
}

#[test]
fn every_format_and_kernel_composes_to_valid_wgsl() {
    let mut count = 0;
    for format in common::formats() {
        for kernel in KERNELS {
            for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
                // Only products depend on m and, by their inputs, on k.
                let (ms, ks) = match kernel.starts_with("gem") {
                    true => (&[1, 2, 5, 8, 9][..], &[256, 784][..]),
                    false => (&[1][..], &[256][..]),
                };
                for &m in ms {
                    for &k in ks {
                        let Ok(text) = wgsl(format, kernel, m, k, class) else {
                            assert!(!k.is_multiple_of(format.block_len()), "{format}");
                            continue;
                        };
                        validate(&format!("{format}/{kernel} m={m}"), &text).unwrap();
                        count += 1;
                    }
                }
            }
        }
    }
    println!("{count} shaders are valid");
    assert!(count > 1000);
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
    // wgpu's own extension, which no browser has.
    let mut native_only = 0;
    for format in Format::ALL {
        for kernel in KERNELS {
            for (class, m, k) in [(DeviceClass::Cpu, 8, 256), (DeviceClass::Gpu, 3, 784)] {
                let k = format.row_bytes(k).map_or(768, |_| k);
                let text = wgsl(*format, kernel, m, k, class).unwrap();
                if text.contains("enable wgpu_cooperative_matrix;") {
                    native_only += 1;
                    continue;
                }
                lint(&format!("{format}/{kernel}"), &text).unwrap();
                count += 1;
            }
        }
    }
    assert_eq!(native_only, Format::ALL.len() * 2 * 2);
    assert_eq!(count + native_only, Format::ALL.len() * KERNELS.len() * 2);
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
    let broken = text.replacen("fn affine(row: u32,", "fn affine(row: f32,", 1);
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

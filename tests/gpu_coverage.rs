//! What this driver must be able to run did run: no test may be skipped silently.
#![cfg(feature = "gpu")]

mod common;

use common::gpu;
use lowbit::KERNELS;
use lowbit::wgpu::{Backend, DeviceType, Features};

/// `./test` names the driver of a run; the adapter must be that driver.
#[test]
fn the_adapter_is_the_one_that_was_meant() {
    let gpu = gpu::gpu();
    let info = gpu.info();
    let optional = describe(gpu.device().features());
    println!("{gpu:?}: {:?}, enabled: {optional}", info.device_type);
    let names: Vec<_> = KERNELS.iter().map(|k| k.name).collect();
    println!("kernels: {}", names.join(", "));
    let driver = std::env::var("LOWBIT_DRIVER").unwrap_or_default();
    match driver.as_str() {
        "lavapipe" => {
            assert_eq!((info.backend, info.device_type), (Backend::Vulkan, DeviceType::Cpu));
            assert!(info.name.contains("llvmpipe"), "{}", info.name);
            // gpu_half's kernels need these features; without them it would have nothing to run.
            let needed = Features::TIMESTAMP_QUERY | Features::SUBGROUP | Features::SHADER_F16;
            let has = gpu.device().features();
            assert!(has.contains(needed), "{:?} missing", needed - has);
        }
        // Debian sid's driver, which `./test` prepares with the option enabled.
        "lavapipe-coop" => {
            assert_eq!((info.backend, info.device_type), (Backend::Vulkan, DeviceType::Cpu));
            assert!(info.name.contains("llvmpipe"), "{}", info.name);
            let needed = Features::SHADER_F16 | Features::SUBGROUP | Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            let has = gpu.device().features();
            assert!(has.contains(needed), "{:?} missing", needed - has);
        }
        "swiftshader" => {
            assert_eq!((info.backend, info.device_type), (Backend::Vulkan, DeviceType::Cpu));
            assert!(info.name.contains("SwiftShader"), "{}", info.name);
        }
        "gl" => assert_eq!(info.backend, Backend::Gl),
        "gpu" => assert_ne!(info.device_type, DeviceType::Cpu, "{}", info.name),
        "" => println!("LOWBIT_DRIVER is not set: any adapter will do"),
        other => panic!("LOWBIT_DRIVER={other} names no driver"),
    }
}

fn describe(features: Features) -> String {
    if features.is_empty() {
        "nothing optional".into()
    } else {
        format!("{features:?}")
    }
}

//! What a device is like, asked of wgpu.

use crate::shader::caps::Caps;
use crate::shader::traits::{DeviceClass, Dialect, Traits};
use wgpu::{Adapter, AdapterInfo, Backend, CooperativeScalarType, Device, DeviceType, Features};

/// The features that some kernel can use, and what each is to shaders.
const USEFUL: [(Features, Caps); 4] = [
    (Features::SUBGROUP, Caps::SUBGROUP),
    (Features::SHADER_F16, Caps::SHADER_F16),
    (Features::SHADER_INT64, Caps::SHADER_INT64),
    (Features::EXPERIMENTAL_COOPERATIVE_MATRIX, Caps::COOPERATIVE_MATRIX),
];

/// Those of an adapter or a device that some kernel can use.
pub(crate) fn useful(features: Features) -> Features {
    let all = USEFUL.iter().map(|(feature, _)| *feature);
    features & all.fold(Features::empty(), |all, feature| all | feature)
}

/// What these features are to shaders.
pub(crate) fn caps(features: Features) -> Caps {
    let has = USEFUL.iter().filter(|(f, _)| features.contains(*f));
    has.fold(Caps::NONE, |all, (_, cap)| all | *cap)
}

/// The off switch for cooperative matrices, for users of programs that switch them on.
const OFF: &str = "LOWBIT_NO_COOPERATIVE_MATRIX";

pub(crate) fn traits(adapter: &Adapter, device: &Device) -> Traits {
    let info = adapter.get_info();
    let mut caps = caps(device.features());
    if std::env::var(OFF).is_ok_and(|v| !v.is_empty() && v != "0") {
        caps = caps - Caps::COOPERATIVE_MATRIX;
    }
    Traits {
        class: match info.device_type {
            DeviceType::Cpu => DeviceClass::Cpu,
            _ => DeviceClass::Gpu,
        },
        caps,
        subgroup: (info.subgroup_min_size, info.subgroup_max_size),
        discrete: info.device_type == DeviceType::DiscreteGpu,
        memory: device.limits().max_compute_workgroup_storage_size,
        matrices: matrices(adapter),
        packed_dots: packed_dots(&info, adapter.features()),
        dialect: match info.backend {
            Backend::BrowserWebGpu => Dialect::Browser,
            _ => Dialect::Naga,
        },
    }
}

/// Qualcomm. Turnip's code for Adreno has no such instruction for signed bytes: Q4_0 at m = 1, 4, 8 takes 5.2, 13.0,
/// 23.6 instructions a weight in bytes and 4.1, 8.1, 16.2 in f32 (`gemv` with subgroups, Mesa 26.2, Adreno 740,
/// 2026-11-25); ggml's Vulkan backend, which asks the driver, prints "int dot: 0" there.
const QUALCOMM: u32 = 0x5143;

/// Apple. Honeykrisp's code for the M1 takes 1032 arithmetic instructions in bytes where it takes 707 in f32 (as above).
const APPLE: u32 = 0x106b;

/// Whether signed bytes are multiplied in fours by one instruction, as far as can be told: wgpu passes on neither
/// Vulkan's `integerDotProduct4x8BitPackedSignedAccelerated` nor DirectX's shader model.
fn packed_dots(info: &AdapterInfo, features: Features) -> bool {
    let name = info.name.to_lowercase();
    match info.backend {
        // naga's MSL writer multiplies the bytes of `packed_char4` one by one, its GLSL writer bit fields, whatever
        // the card has.
        Backend::Metal | Backend::Gl => false,
        // naga's HLSL writer has `dot4add_i8packed` from shader model 6.4 on. What compiles 5.1 only, as FXC does,
        // offers no subgroups.
        Backend::Dx12 if !features.contains(Features::SUBGROUP) => false,
        // Browsers name no vendor.
        _ if name.contains("adreno") || name.contains("apple") => false,
        _ => ![QUALCOMM, APPLE].contains(&info.vendor),
    }
}

/// Sides of the square matrices of halves that this adapter multiplies into f32. wgpu checks no shader
/// against its list, and a shape that is not on it gives wrong numbers; WGSL has no others than square ones.
fn matrices(adapter: &Adapter) -> Vec<u32> {
    let (half, float) = (CooperativeScalarType::F16, CooperativeScalarType::F32);
    let all = adapter.cooperative_matrix_properties();
    let fits = |side: &u32| {
        all.iter()
            .any(|p| (p.m_size, p.n_size, p.k_size) == (*side, *side, *side) && (p.ab_type, p.cr_type) == (half, float))
    };
    [8, 16].into_iter().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_multiplied_in_fours_where_an_instruction_does() {
        let dots = |name: &str, vendor, backend, features| {
            let mut info = AdapterInfo::new(DeviceType::Other, backend);
            (info.name, info.vendor) = (name.into(), vendor);
            packed_dots(&info, features)
        };
        let (all, none) = (Features::SUBGROUP, Features::empty());
        for (name, vendor, backend, features, expected) in [
            ("NVIDIA GeForce RTX 4090", 0x10de, Backend::Vulkan, all, true),
            ("AMD Radeon RX 7900 XTX", 0x1002, Backend::Vulkan, none, true),
            ("Intel(R) Arc(tm) A770", 0x8086, Backend::Dx12, all, true),
            ("Intel(R) Arc(tm) A770", 0x8086, Backend::Dx12, none, false),
            ("Adreno (TM) 740", QUALCOMM, Backend::Vulkan, all, false),
            ("Turnip", QUALCOMM, Backend::Vulkan, all, false),
            ("Apple M1 (G13G B1)", APPLE, Backend::Vulkan, all, false),
            ("AMD Radeon Pro 5500M", 0x1002, Backend::Metal, all, false),
            ("NVIDIA GeForce RTX 4090", 0x10de, Backend::Gl, all, false),
            ("Apple M3", 0, Backend::BrowserWebGpu, none, false),
            ("", 0, Backend::BrowserWebGpu, none, true),
        ] {
            assert_eq!(dots(name, vendor, backend, features), expected, "{name} on {backend:?}");
        }
    }
}

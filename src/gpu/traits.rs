//! What a device is like, as far as choosing and tuning kernels goes.

use wgpu::{Adapter, CooperativeScalarType, Device, DeviceType, Features};

/// How a device wants its kernels: what is fast on a graphics card is not on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A Vulkan or GL driver that runs on the processor (lavapipe, SwiftShader).
    Cpu,
    /// Everything else.
    Gpu,
}

impl DeviceClass {
    pub(crate) fn of(device: DeviceType) -> DeviceClass {
        match device {
            DeviceType::Cpu => DeviceClass::Cpu,
            _ => DeviceClass::Gpu,
        }
    }
}

/// What kernels are chosen and tuned by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Traits {
    pub class: DeviceClass,
    /// Features that are enabled and may be used.
    pub features: Features,
    /// Lanes of a subgroup: the fewest and the most.
    pub subgroup: (u32, u32),
    pub device_type: DeviceType,
    /// Bytes of memory that a workgroup may have.
    pub memory: u32,
    /// Sides of the square matrices of halves that the device multiplies into f32.
    pub matrices: Vec<u32>,
}

/// The features that some kernel can use.
pub(crate) const USEFUL: Features = Features::SUBGROUP
    .union(Features::SHADER_F16)
    .union(Features::SHADER_INT64)
    .union(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// The off switch for cooperative matrices, for users of programs that switch them on.
const OFF: &str = "LOWBIT_NO_COOPERATIVE_MATRIX";

impl Traits {
    pub fn of(adapter: &Adapter, device: &Device) -> Traits {
        let info = adapter.get_info();
        let mut features = device.features() & USEFUL;
        if std::env::var(OFF).is_ok_and(|v| !v.is_empty() && v != "0") {
            features.remove(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
        }
        Traits {
            class: DeviceClass::of(info.device_type),
            features,
            subgroup: (info.subgroup_min_size, info.subgroup_max_size),
            device_type: info.device_type,
            memory: device.limits().max_compute_workgroup_storage_size,
            matrices: matrices(adapter),
        }
    }

    /// A device of this class with these features, for looking at shaders.
    pub fn typical(class: DeviceClass, features: Features) -> Traits {
        let lanes = match class {
            DeviceClass::Cpu => 8,
            DeviceClass::Gpu => 32,
        };
        Traits {
            class,
            features,
            subgroup: (lanes, lanes),
            device_type: DeviceType::Other,
            memory: MEMORY,
            matrices: vec![8, 16],
        }
    }

    /// Floating-point operations a second that even a slow device of this kind gets out of a product.
    pub fn least_flops(&self) -> f64 {
        match (self.class, self.device_type) {
            (DeviceClass::Cpu, _) => 10e9,
            (DeviceClass::Gpu, DeviceType::DiscreteGpu) => 1e12,
            (DeviceClass::Gpu, _) => 100e9,
        }
    }
}

/// The most workgroup memory that any kernel makes use of.
pub(crate) const MEMORY: u32 = 32 << 10;

/// Sides of the square matrices of halves that this adapter multiplies into f32. wgpu checks no shader
/// against its list, and a shape that is not on it gives wrong numbers; WGSL has no others than square ones.
fn matrices(adapter: &Adapter) -> Vec<u32> {
    let (half, float) = (CooperativeScalarType::F16, CooperativeScalarType::F32);
    let all = adapter.cooperative_matrix_properties();
    let fits = |side: &u32| {
        all.iter().any(|p| {
            (p.m_size, p.n_size, p.k_size) == (*side, *side, *side)
                && (p.ab_type, p.cr_type) == (half, float)
        })
    };
    [8, 16].into_iter().filter(fits).collect()
}

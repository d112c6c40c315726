//! What a device is like, as far as choosing and tuning kernels goes.

use wgpu::{AdapterInfo, DeviceType, Features};

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
}

/// The features that some kernel can use.
pub(crate) const USEFUL: Features = Features::SUBGROUP
    .union(Features::SHADER_F16)
    .union(Features::SHADER_INT64);

impl Traits {
    pub fn of(info: &AdapterInfo, enabled: Features) -> Traits {
        Traits {
            class: DeviceClass::of(info.device_type),
            features: enabled & USEFUL,
            subgroup: (info.subgroup_min_size, info.subgroup_max_size),
            device_type: info.device_type,
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

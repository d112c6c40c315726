//! What choosing and tuning kernels needs to know of a device.

use super::caps::Caps;

/// How a device wants its kernels: what is fast on a graphics card is not on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A Vulkan or GL driver that runs on the processor (lavapipe, SwiftShader).
    Cpu,
    /// Everything else.
    Gpu,
}

/// Whose WGSL a device compiles: the extensions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of naga, the compiler of native devices.
    Naga,
    /// The standard's, as a browser reads it.
    Browser,
}

/// What kernels are chosen and tuned by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Traits {
    pub class: DeviceClass,
    /// The capabilities that are enabled and may be used.
    pub caps: Caps,
    /// Lanes of a subgroup: the fewest and the most.
    pub subgroup: (u32, u32),
    /// Whether it is a card with memory of its own.
    pub discrete: bool,
    /// Bytes of memory that a workgroup may have.
    pub memory: u32,
    /// Sides of the square matrices of halves that the device multiplies into f32.
    pub matrices: Vec<u32>,
    /// Whether an instruction multiplies four signed bytes by four.
    pub packed_dots: bool,
    pub dialect: Dialect,
}

impl Traits {
    /// A device of this class with these capabilities, for looking at shaders.
    pub fn typical(class: DeviceClass, caps: Caps) -> Traits {
        let lanes = match class {
            DeviceClass::Cpu => 8,
            DeviceClass::Gpu => 32,
        };
        Traits {
            class,
            caps,
            subgroup: (lanes, lanes),
            discrete: false,
            memory: MEMORY,
            matrices: vec![8, 16],
            packed_dots: true,
            dialect: Dialect::Naga,
        }
    }

    /// Floating-point operations a second that even a slow device of this kind gets out of a product.
    pub fn least_flops(&self) -> f64 {
        match (self.class, self.discrete) {
            (DeviceClass::Cpu, _) => 10e9,
            (DeviceClass::Gpu, true) => 1e12,
            (DeviceClass::Gpu, _) => 100e9,
        }
    }
}

/// The most workgroup memory that any kernel makes use of.
pub(crate) const MEMORY: u32 = 32 << 10;

//! Shader modules, with the checks that wgpu adds to a text or without.

use crate::shader::source::Source;
use wgpu::{Device, ShaderModule, ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource};

/// What wgpu adds to a text: bounds around indices, counters in loops, tests of divisors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Checks {
    #[default]
    All,
    None,
}

/// A module of this text.
pub(crate) fn module(device: &Device, source: &Source, checks: Checks) -> ShaderModule {
    let descriptor = ShaderModuleDescriptor {
        label: Some(source.name.as_str()),
        source: ShaderSource::Wgsl(source.text.as_str().into()),
    };
    match checks {
        Checks::All => device.create_shader_module(descriptor),
        Checks::None => trusted(device, descriptor),
    }
}

/// A module that runs as it is written.
#[allow(unsafe_code)]
fn trusted(device: &Device, descriptor: ShaderModuleDescriptor) -> ShaderModule {
    // SAFETY: every text that reaches a device is composed of `shaders/` (`testing::edited` is no part of the API). In
    // each, an index lies in what it indexes, a loop ends and a divisor is not 0: the host has checked the sizes, and
    // the shaders bound what they read from buffers. docs/trusted.md says where, index by index; tests/gpu_trusted.rs
    // and scripts/gpu_assisted try it.
    unsafe { device.create_shader_module_trusted(descriptor, ShaderRuntimeChecks::unchecked()) }
}

//! What kernels bind, and whether a device lets them.

use crate::gpu::device::errors::Scoped;
use crate::gpu::device::lock::lock;
use crate::{Error, Result};
use std::collections::HashMap;
use std::sync::Mutex;
use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType, Limits,
    ShaderStages,
};

/// What a kernel does to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Reads,
    Writes,
    /// A uniform buffer, at an offset that is told when a dispatch is recorded.
    Parameters,
}

/// A number of a binding, and what is done to its buffer.
pub(crate) type Binding = (u32, Access);

/// The layouts of a device, each made once.
#[derive(Default)]
pub(crate) struct Layouts {
    made: Mutex<HashMap<Vec<Binding>, BindGroupLayout>>,
}

impl Layouts {
    /// The layout of a kernel's bindings.
    ///
    /// # Errors
    /// [`Error::DeviceLimit`] where the device allows less of them.
    pub async fn get(
        &self,
        device: &Scoped,
        limits: &Limits,
        kernel: &str,
        bindings: &[Binding],
    ) -> Result<BindGroupLayout> {
        check(kernel, bindings, limits)?;
        if let Some(layout) = lock(&self.made).get(bindings) {
            return Ok(layout.clone());
        }
        let entries: Vec<_> = bindings.iter().map(|b| entry(*b)).collect();
        let layout = device.run("laying out bindings", || {
            device.device().create_bind_group_layout(&BindGroupLayoutDescriptor {
                label: Some("lowbit"),
                entries: &entries,
            })
        });
        let layout = layout.await?;
        let mut made = lock(&self.made);
        Ok(made.entry(bindings.to_vec()).or_insert(layout).clone())
    }
}

fn entry((binding, access): Binding) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer {
            ty: match access {
                Access::Parameters => BufferBindingType::Uniform,
                access => BufferBindingType::Storage {
                    read_only: access == Access::Reads,
                },
            },
            // One bind group serves every m: parameters lie in a table.
            has_dynamic_offset: access == Access::Parameters,
            min_binding_size: None,
        },
        count: None,
    }
}

fn check(kernel: &str, bindings: &[Binding], limits: &Limits) -> Result<()> {
    let uniform = bindings.iter().filter(|(_, a)| *a == Access::Parameters);
    let uniform = uniform.count() as u32;
    let last = bindings.iter().map(|(binding, _)| binding + 1).max();
    for (what, needed, limit) in [
        (
            "max_storage_buffers_per_shader_stage",
            bindings.len() as u32 - uniform,
            limits.max_storage_buffers_per_shader_stage,
        ),
        (
            "max_uniform_buffers_per_shader_stage",
            uniform,
            limits.max_uniform_buffers_per_shader_stage,
        ),
        (
            "max_bindings_per_bind_group",
            last.unwrap_or(0),
            limits.max_bindings_per_bind_group,
        ),
    ] {
        if needed > limit {
            return Err(Error::DeviceLimit {
                kernel: kernel.into(),
                what,
                needed: needed.into(),
                limit: limit.into(),
            });
        }
    }
    Ok(())
}

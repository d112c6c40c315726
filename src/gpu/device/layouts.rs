//! What kernels bind, and whether a device lets them.

use crate::gpu::device::gpu::{Gpu, lock};
use crate::{Error, Result};
use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType, Limits,
    ShaderStages,
};

/// What a kernel does to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Reads,
    Writes,
    /// A uniform buffer.
    Parameters,
}

/// A number of a binding, and what is done to its buffer.
pub(crate) type Binding = (u32, Access);

impl Gpu {
    /// The layout of a kernel's bindings, made once.
    ///
    /// # Errors
    /// [`Error::DeviceLimit`] where the device allows less of them.
    pub(crate) async fn layout(&self, kernel: &str, bindings: &[Binding]) -> Result<BindGroupLayout> {
        check(kernel, bindings, self.limits())?;
        if let Some(layout) = lock(self.layouts()).get(bindings) {
            return Ok(layout.clone());
        }
        let entries: Vec<_> = bindings.iter().map(|b| entry(*b)).collect();
        let layout = self.scoped("laying out bindings", || {
            self.device().create_bind_group_layout(&BindGroupLayoutDescriptor {
                label: Some("lowbit"),
                entries: &entries,
            })
        });
        let layout = layout.await?;
        let mut layouts = lock(self.layouts());
        Ok(layouts.entry(bindings.to_vec()).or_insert(layout).clone())
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
            has_dynamic_offset: false,
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

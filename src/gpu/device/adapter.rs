//! Choosing an adapter, and refusing what cannot serve.

use crate::shader::params::PARAMS_BYTES;
use crate::{Error, Result};
use wgpu::{Adapter, Backend, DownlevelFlags, Instance, InstanceDescriptor, Limits};

/// The instance of every device that this crate makes: wgpu tells a buffer of another device from its own
/// within one instance only.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn instance() -> Instance {
    static INSTANCE: std::sync::OnceLock<Instance> = std::sync::OnceLock::new();
    let new = || Instance::new(InstanceDescriptor::new_without_display_handle_from_env());
    INSTANCE.get_or_init(new).clone()
}

/// A browser has one instance, whatever it is asked.
#[cfg(target_arch = "wasm32")]
pub(crate) fn instance() -> Instance {
    Instance::new(InstanceDescriptor::new_without_display_handle_from_env())
}

/// The adapter that the environment names, or else the fastest one that computes.
pub(crate) async fn pick(instance: &wgpu::Instance) -> Result<Adapter> {
    const HELP: &str = "no adapter computes; on Debian and Ubuntu `apt-get install \
                        mesa-vulkan-drivers libvulkan1` gives a software one";
    let wanted = std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default();
    if !wanted.is_empty() {
        let all = instance.enumerate_adapters(wgpu::Backends::all()).await;
        let wanted = wanted.to_lowercase();
        let found = all
            .into_iter()
            .find(|a| a.get_info().name.to_lowercase().contains(&wanted));
        return found.ok_or_else(|| Error::NoAdapter(format!("none has WGPU_ADAPTER_NAME={wanted} in its name")));
    }
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        .map_err(|e| Error::NoAdapter(format!("{HELP} ({e})")))?;
    Ok(adapter)
}

/// Refuses adapters that only pretend, and those that only draw.
pub(crate) fn check_adapter(adapter: &Adapter) -> Result<()> {
    let info = adapter.get_info();
    let flags = adapter.get_downlevel_capabilities().flags;
    if info.backend == Backend::Noop || !flags.contains(DownlevelFlags::COMPUTE_SHADERS) {
        return Err(Error::NoAdapter(format!(
            "{} ({}) does not compute",
            info.name, info.backend
        )));
    }
    Ok(())
}

/// Refuses devices that allow less than every kernel needs. What single kernels need beyond that is checked as these
/// are made.
pub(crate) fn check_limits(has: &Limits) -> Result<()> {
    macro_rules! check {
        ($($limit:ident: $needed:expr),+ $(,)?) => {$(
            if u64::from(has.$limit) < $needed {
                return Err(Error::DeviceLimit {
                    kernel: "lowbit".into(),
                    what: stringify!($limit),
                    needed: $needed,
                    limit: has.$limit.into(),
                });
            }
        )+};
    }
    check!(
        max_bind_groups: 1,
        // Weights, scales, parameters, x, y.
        max_bindings_per_bind_group: 5,
        // And a table.
        max_storage_buffers_per_shader_stage: 5,
        max_uniform_buffers_per_shader_stage: 1,
        // Parameters.
        max_dynamic_uniform_buffers_per_pipeline_layout: 1,
        max_uniform_buffer_binding_size: PARAMS_BYTES,
        // Bindings begin at multiples of 256 bytes.
        max_storage_buffer_binding_size: 256,
        max_buffer_size: 256,
        max_compute_workgroup_storage_size: 16384,
        max_compute_invocations_per_workgroup: 256,
        max_compute_workgroup_size_x: 256,
        max_compute_workgroup_size_y: 1,
        max_compute_workgroup_size_z: 1,
        max_compute_workgroups_per_dimension: 1,
    );
    Ok(())
}

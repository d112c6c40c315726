//! Choosing an adapter, and refusing what cannot serve.

use super::kernels::needed_limits;
use crate::{Error, Result};
use wgpu::{Adapter, Backend, DownlevelFlags, Limits};

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
        return found.ok_or_else(|| {
            Error::NoAdapter(format!("none has WGPU_ADAPTER_NAME={wanted} in its name"))
        });
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

/// Refuses devices that allow less than kernels need.
pub(crate) fn check_limits(has: &Limits) -> Result<()> {
    let needs = needed_limits();
    macro_rules! check {
        ($($limit:ident),+) => {$(
            if has.$limit < needs.$limit {
                return Err(Error::DeviceLimit {
                    kernel: "lowbit".into(),
                    what: stringify!($limit),
                    needed: needs.$limit.into(),
                    limit: has.$limit.into(),
                });
            }
        )+};
    }
    check!(
        max_storage_buffers_per_shader_stage,
        max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x
    );
    Ok(())
}

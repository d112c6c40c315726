//! Compiled pipelines in a file, for drivers that keep none themselves.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::replace::replace;
use crate::shader::decisions::checksum;
use crate::{Error, Result};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use wgpu::{Device, Features, PipelineCache, PipelineCacheDescriptor};

/// What a driver keeps of the pipelines that it compiles, on a device with [`Features::PIPELINE_CACHE`].
#[derive(Default)]
pub(crate) struct Cache {
    current: Mutex<Option<PipelineCache>>,
}

impl Cache {
    /// An empty one.
    pub fn new(device: &Device) -> Cache {
        let has = device.features().contains(Features::PIPELINE_CACHE);
        Cache {
            current: Mutex::new(has.then(|| create(device, None))),
        }
    }

    /// What pipelines are to be compiled with.
    pub fn current(&self) -> Option<PipelineCache> {
        lock(&self.current).clone()
    }
}

/// What a file begins with.
const HEADER: &str = "lowbit pipelines 1";

impl Gpu {
    /// Uses the pipelines in a file that [`save_pipelines`](Gpu::save_pipelines) wrote: what is compiled from now on is
    /// looked up in it first. Returns whether it is used: not where there is no such file, where it is of another device
    /// or driver, was cut or altered, or where the device lacks `Features::PIPELINE_CACHE` (which is among
    /// [`Gpu::useful_features`]; Vulkan only). Many drivers have a cache of their own on disk and gain nothing.
    ///
    /// # Safety
    /// A driver may trust what it reads. The file must be one that `save_pipelines` wrote: a checksum finds accidents,
    /// not forgeries.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; those of a device.
    #[cfg(not(target_arch = "wasm32"))]
    #[allow(unsafe_code)]
    pub unsafe fn load_pipelines(&self, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        let file = match std::fs::read(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io(format!("reading pipelines from {}", path.display()))(e)),
        };
        let cache = self.pipeline_cache();
        let mut parts = file.splitn(2, |byte| *byte == b'\n');
        let (Some(header), Some(data)) = (parts.next(), parts.next()) else {
            return Ok(false);
        };
        if cache.current().is_none() || header != self.pipelines_of(data).as_bytes() {
            return Ok(false);
        }
        let made = pollster::block_on(self.scoped("loading pipelines", || create(self.device(), Some(data))))?;
        *lock(&cache.current) = Some(made);
        Ok(true)
    }

    /// Writes the pipelines that were compiled on this device to a file, which is replaced once the new one is complete.
    /// Returns whether there was anything to write: see [`load_pipelines`](Gpu::load_pipelines).
    ///
    /// # Errors
    /// [`Error::Io`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save_pipelines(&self, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        let Some(data) = self.pipeline_cache().current().and_then(|cache| cache.get_data()) else {
            return Ok(false);
        };
        let header = self.pipelines_of(&data) + "\n";
        let failed = Error::io(format!("writing pipelines to {}", path.display()));
        replace(path, &[header.as_bytes(), &data]).map_err(failed)?;
        Ok(true)
    }

    /// The line before `data` in a file of this device and driver.
    fn pipelines_of(&self, data: &[u8]) -> String {
        format!("{HEADER} | {:016x} | {}", checksum(data), self.decided_on())
    }
}

/// A cache that begins with what was kept of another.
#[allow(unsafe_code)]
fn create(device: &Device, data: Option<&[u8]>) -> PipelineCache {
    let descriptor = PipelineCacheDescriptor {
        label: Some("lowbit"),
        data,
        fallback: true,
    };
    // SAFETY: `data` is None, or what `get_data` gave on this device with this driver: the caller of `load_pipelines`
    // promises it, and the header names both.
    unsafe { device.create_pipeline_cache(&descriptor) }
}

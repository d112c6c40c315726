//! `Gpu`: a device, its queue, and what has been compiled for it.

use crate::gpu::device::adapter::{check_adapter, check_limits, instance, pick};
use crate::gpu::device::errors::Scoped;
use crate::gpu::device::layouts::{Binding, Layouts};
use crate::gpu::device::lock::lock;
use crate::gpu::device::modules::Checks;
use crate::gpu::device::pipeline_cache::Cache;
use crate::gpu::device::pipelines::{How, Pipelines};
use crate::gpu::device::scratch::Scratch;
use crate::gpu::device::traits::{caps, traits, useful};
use crate::gpu::dispatch::params::ParameterTables;
use crate::gpu::product::ladder::Ladders;
use crate::setters::setters;
use crate::shader::decisions::Winners;
use crate::shader::kernels::Kernel;
use crate::shader::source::Source;
use crate::shader::traits::{DeviceClass, MEMORY, Traits};
use crate::shader::tuning::Tuning;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use wgpu::{Adapter, AdapterInfo, Backend, BindGroupLayout, Buffer, ComputePipeline, Device, Features, Limits, Queue};

/// A device to multiply on: the caller's ([`from_wgpu`](Gpu::from_wgpu)) or one that lowbit requests
/// ([`new`](Gpu::new)). Cheap to clone; clones share their compiled pipelines.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Shared>,
    traits: Arc<Traits>,
    checks: Checks,
}

/// Options of a device that lowbit requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct GpuOptions {
    /// Matrix units, where the adapter has them and a product may round to
    /// [`Precision::F16`](crate::Precision::F16). Off by default, since wgpu calls them experimental: it checks a
    /// shader neither against the shapes that the adapter has nor for reads past the end. lowbit's own
    /// shaders use shapes that the adapter lists and load from workgroup memory only. What it cannot
    /// mend: wgpu 30 leaves out memory-model decorations around workgroup memory in such shaders
    /// (gfx-rs/wgpu#8805), which is right on every driver that was tried and promised by none. The
    /// environment variable `LOWBIT_NO_COOPERATIVE_MATRIX=1` switches them off again, and so does
    /// [`Gpu::with_features`]. Vulkan and Metal only; elsewhere this does nothing.
    pub cooperative_matrix: bool,
    /// Kernels without the checks that wgpu adds to shaders: bounds around indices, a counter in every loop, tests of
    /// divisors. Off by default. lowbit's kernels need none of them, whatever lies in the caller's buffers: see
    /// `docs/trusted.md`. Vulkan, Metal and DirectX; OpenGL and browsers ignore it. A device of your own has
    /// [`Gpu::with_trusted`].
    ///
    /// A Vulkan driver's own checks (`robustBufferAccess2`) stay on: wgpu 30 has no call that makes a device, or a
    /// pipeline, without them.
    pub trusted: bool,
}

setters!(GpuOptions {
    with_cooperative_matrix: cooperative_matrix: bool,
    with_trusted: trusted: bool,
});

/// wgpu's leave to ask for experimental features.
#[allow(unsafe_code)]
fn experimental_features() -> wgpu::ExperimentalFeatures {
    // SAFETY: what wgpu warns of is that a shader may then do what it does not check. The one feature asked
    // for is cooperative matrices, and the shaders that use them are this crate's: matrices of sides that
    // the adapter lists (`Kernel::check`), multiplied by whole subgroups in uniform control flow, loaded
    // from and stored to workgroup memory within its bounds (`kernels/gemm_coop.wgsl`). A caller who
    // compiles shaders of their own on this device asked for it by `GpuOptions`.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

struct Shared {
    device: Scoped,
    queue: Queue,
    info: AdapterInfo,
    limits: Limits,
    layouts: Layouts,
    pipelines: Pipelines,
    /// Kernels of which the log has told that the driver refuses them.
    told: Mutex<HashSet<&'static str>>,
    /// Tables that are the same for every matrix of a format.
    tables: Mutex<HashMap<&'static str, Buffer>>,
    /// What was measured to be the fastest.
    winners: Mutex<Winners>,
    pipeline_cache: Cache,
    scratch: Scratch,
    parameter_tables: ParameterTables,
    ladders: Mutex<Ladders>,
}

impl Gpu {
    /// Requests a device on the adapter that `WGPU_ADAPTER_NAME` and `WGPU_BACKEND` name, or else on the fastest one.
    /// Software adapters are accepted and named in the log.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], and those of [`from_wgpu`](Gpu::from_wgpu).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new() -> Result<Gpu> {
        pollster::block_on(Gpu::new_async())
    }

    /// The async form of [`new`](Self::new).
    pub async fn new_async() -> Result<Gpu> {
        Gpu::with_options_async(GpuOptions::default()).await
    }

    /// Like [`new`](Gpu::new), with options.
    ///
    /// # Errors
    /// Those of [`new`](Gpu::new).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_options(options: GpuOptions) -> Result<Gpu> {
        pollster::block_on(Gpu::with_options_async(options))
    }

    /// The async form of [`with_options`](Self::with_options).
    pub async fn with_options_async(options: GpuOptions) -> Result<Gpu> {
        if wgpu::Instance::enabled_backend_features().is_empty() {
            return Err(Error::NoAdapter(
                "lowbit was built without a backend; enable its feature vulkan, metal, dx12, gles \
                 or webgpu"
                    .into(),
            ));
        }
        let adapter = pick(&instance()).await?;
        let mut features = Gpu::useful_features(&adapter);
        let mut experimental = wgpu::ExperimentalFeatures::disabled();
        if options.cooperative_matrix {
            features |= adapter.features() & Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            experimental = experimental_features();
        }
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("lowbit"),
                required_features: features,
                required_limits: Gpu::useful_limits(&adapter),
                experimental_features: experimental,
                ..Default::default()
            })
            .await
            .map_err(|e| Error::NoAdapter(e.to_string()))?;
        let gpu = Gpu::from_wgpu(adapter, device, queue)?;
        Ok(gpu.with_trusted(options.trusted))
    }

    /// Uses the caller's device. It keeps its error handlers; lowbit only opens error scopes around
    /// its own calls. Default WebGPU limits and no features are enough.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] where the adapter cannot compute, [`Error::DeviceLimit`] where the
    /// device allows less than default WebGPU in what kernels need, [`Error::DeviceLost`].
    pub fn from_wgpu(adapter: Adapter, device: Device, queue: Queue) -> Result<Gpu> {
        let info = adapter.get_info();
        check_adapter(&adapter)?;
        let limits = device.limits();
        check_limits(&limits)?;
        let traits = traits(&adapter, &device);
        if traits.class == DeviceClass::Cpu {
            log::warn!(
                "{} is a software adapter: correct, but no faster than a processor",
                info.name
            );
        }
        Ok(Gpu {
            traits: Arc::new(traits),
            checks: Checks::All,
            inner: Arc::new(Shared {
                pipeline_cache: Cache::new(&device),
                device: Scoped::new(device)?,
                queue,
                info,
                limits,
                layouts: Layouts::default(),
                pipelines: Pipelines::default(),
                told: Mutex::default(),
                tables: Mutex::default(),
                winners: Mutex::default(),
                scratch: Scratch::default(),
                parameter_tables: ParameterTables::default(),
                ladders: Mutex::default(),
            }),
        })
    }

    /// The same device with the kernels of another class: for adapters that report the wrong class, and for tests.
    pub fn with_class(&self, class: DeviceClass) -> Gpu {
        self.with_traits(|traits| traits.class = class)
    }

    /// The same device, using only the named ones of its features: an off switch for each.
    pub fn with_features(&self, features: Features) -> Gpu {
        self.with_traits(|traits| traits.caps = traits.caps & caps(features))
    }

    /// The same device with kernels that wgpu adds no checks to, or adds them again ([`GpuOptions::trusted`]). Products
    /// are compiled as the `Gpu` says that uploaded their weights.
    pub fn with_trusted(&self, trusted: bool) -> Gpu {
        // The others compile the same text either way.
        let ignored = matches!(self.info().backend, Backend::Gl | Backend::BrowserWebGpu);
        Gpu {
            checks: if trusted && !ignored { Checks::None } else { Checks::All },
            ..self.clone()
        }
    }

    fn with_traits(&self, change: impl FnOnce(&mut Traits)) -> Gpu {
        let mut traits = (*self.traits).clone();
        change(&mut traits);
        Gpu {
            traits: Arc::new(traits),
            ..self.clone()
        }
    }

    /// The features of this adapter that lowbit can use, to merge into a device descriptor of
    /// your own. None is required: without them it does the same in another way. Those that wgpu calls
    /// experimental are left out; a device that was made with `EXPERIMENTAL_COOPERATIVE_MATRIX` is used
    /// with it ([`GpuOptions::cooperative_matrix`] says what for).
    pub fn useful_features(adapter: &Adapter) -> Features {
        let has = adapter.features();
        let used = useful(has) | has & (Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE);
        used - Features::all_experimental_mask()
    }

    /// The limits to merge into a device descriptor of your own: default WebGPU ones, with
    /// bindings and buffers as large as the adapter allows, so that large matrices stay in one piece,
    /// and 32 KiB of workgroup memory where there are as many, which hold larger tiles.
    pub fn useful_limits(adapter: &Adapter) -> Limits {
        let has = adapter.limits();
        Limits {
            max_storage_buffer_binding_size: has.max_storage_buffer_binding_size,
            max_buffer_size: has.max_buffer_size,
            max_compute_workgroup_storage_size: MEMORY,
            ..Limits::default()
        }
        .or_worse_values_from(&has)
    }

    /// The adapter's name, driver and kind.
    pub fn info(&self) -> &AdapterInfo {
        &self.inner.info
    }

    /// The device, for buffers and passes of your own.
    pub fn device(&self) -> &Device {
        self.inner.device.device()
    }

    /// The queue, for submissions of your own.
    pub fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The class that kernels are chosen by.
    pub fn class(&self) -> DeviceClass {
        self.traits.class
    }

    pub(crate) fn traits(&self) -> &Traits {
        &self.traits
    }

    /// What was measured to be the fastest.
    pub(crate) fn winners(&self) -> &Mutex<Winners> {
        &self.inner.winners
    }

    pub(crate) fn pipeline_cache(&self) -> &Cache {
        &self.inner.pipeline_cache
    }

    pub(crate) fn checks(&self) -> Checks {
        self.checks
    }

    pub(crate) fn shared_scratch(&self) -> &Scratch {
        &self.inner.scratch
    }

    pub(crate) fn parameter_tables(&self) -> &ParameterTables {
        &self.inner.parameter_tables
    }

    /// Kernels for every m, compiled.
    pub(crate) fn ladders(&self) -> &Mutex<Ladders> {
        &self.inner.ladders
    }

    /// Whether the log has not told yet that the driver refuses this kernel: once is enough for a device.
    pub(crate) fn is_first_refusal(&self, kernel: &Kernel) -> bool {
        lock(&self.inner.told).insert(kernel.name)
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.inner.pipelines
    }

    /// The pipeline of a composed shader, compiled once.
    pub(crate) async fn pipeline(
        &self,
        source: Source,
        tuning: &Tuning,
        layout: &BindGroupLayout,
    ) -> Result<ComputePipeline> {
        let Shared {
            device,
            limits,
            pipelines,
            pipeline_cache,
            ..
        } = &*self.inner;
        let how = How {
            checks: self.checks,
            cache: pipeline_cache.current(),
        };
        pipelines.get(device, limits, source, how, tuning, layout).await
    }

    /// The layout of a kernel's bindings, made once.
    pub(crate) async fn layout(&self, kernel: &str, bindings: &[Binding]) -> Result<BindGroupLayout> {
        let Shared {
            device,
            limits,
            layouts,
            ..
        } = &*self.inner;
        layouts.get(device, limits, kernel, bindings).await
    }

    /// Runs `f`, which must not wait for anything, and returns its result or the error that the device raised
    /// meanwhile. `what` says what was being done.
    pub(crate) async fn scoped<T>(&self, what: &str, f: impl FnOnce() -> T) -> Result<T> {
        self.inner.device.run(what, f).await
    }

    /// Tables that the matrices of a format share, by its name.
    pub(crate) fn tables(&self) -> &Mutex<HashMap<&'static str, Buffer>> {
        &self.inner.tables
    }

    pub(crate) fn is(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Bytes that one binding can hold, a multiple of 256.
    pub(crate) fn max_binding(&self) -> u64 {
        // Metal miscomputes past 4 GiB (gfx-rs/wgpu#10305); offsets in shaders are 32-bit words.
        const CAP: u64 = 2 << 30;
        let limits = self.limits();
        let limit = limits.max_storage_buffer_binding_size;
        limit.min(limits.max_buffer_size).min(CAP) / 256 * 256
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let info = self.info();
        write!(f, "Gpu({}, {}, {})", info.name, info.backend, info.driver_info)
    }
}

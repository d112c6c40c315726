//! An instance, an adapter, a device and buffers that lowbit did not make.

use lowbit::Gpu;
use lowbit::wgpu::{self, Backend, Buffer, BufferUsages, DeviceType, util::BufferInitDescriptor, util::DeviceExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A device of the caller's and the error count of its handler.
pub struct Own {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: wgpu::Adapter,
    uncaptured: Arc<AtomicUsize>,
}

pub fn adapter() -> Result<wgpu::Adapter, String> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = pollster::block_on(instance.request_adapter(&options));
    let adapter = adapter.map_err(|e| format!("no adapter: {e}"))?;
    expected(&adapter.get_info())?;
    Ok(adapter)
}

/// `LOWBIT_DRIVER` says which driver this run tests; any other driver must fail.
fn expected(info: &wgpu::AdapterInfo) -> Result<(), String> {
    let Ok(driver) = std::env::var("LOWBIT_DRIVER") else {
        return Ok(());
    };
    let right = match driver.as_str() {
        "lavapipe" => info.backend == Backend::Vulkan && info.name.contains("llvmpipe"),
        "swiftshader" => info.backend == Backend::Vulkan && info.name.contains("SwiftShader"),
        "gl" => info.backend == Backend::Gl,
        "gpu" => info.device_type != DeviceType::Cpu,
        _ => return Err(format!("LOWBIT_DRIVER={driver} is not a known driver")),
    };
    if !right {
        return Err(format!("LOWBIT_DRIVER={driver}, but the adapter is {info:?}"));
    }
    Ok(())
}

impl Own {
    /// With the features and limits that lowbit asks callers to merge into their descriptors.
    pub fn as_asked(adapter: wgpu::Adapter) -> Result<Own, String> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("the caller's"),
            required_features: Gpu::useful_features(&adapter),
            required_limits: Gpu::useful_limits(&adapter),
            ..Default::default()
        };
        Own::request(adapter, &descriptor)
    }

    /// With no features and WebGPU's default limits, which lowbit promises are enough.
    pub fn plain(adapter: wgpu::Adapter) -> Result<Own, String> {
        Own::request(adapter, &wgpu::DeviceDescriptor::default())
    }

    fn request(adapter: wgpu::Adapter, descriptor: &wgpu::DeviceDescriptor) -> Result<Own, String> {
        let (device, queue) =
            pollster::block_on(adapter.request_device(descriptor)).map_err(|e| format!("no device: {e}"))?;
        let uncaptured = Arc::new(AtomicUsize::new(0));
        let count = uncaptured.clone();
        device.on_uncaptured_error(Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        Ok(Own {
            device,
            queue,
            adapter,
            uncaptured,
        })
    }

    pub fn inputs(&self, values: &[f32]) -> Buffer {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
        self.device.create_buffer_init(&BufferInitDescriptor {
            label: Some("x"),
            contents: &bytes,
            usage: BufferUsages::STORAGE,
        })
    }

    pub fn outputs(&self, floats: usize) -> Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("y"),
            size: 4 * floats as u64,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        })
    }

    /// Submits the recorded commands and reads these buffers back, one after the other.
    pub fn finish(&self, mut encoder: wgpu::CommandEncoder, buffers: &[Buffer]) -> Result<Vec<Vec<f32>>, String> {
        let mut staged = Vec::new();
        for buffer in buffers {
            let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size: buffer.size(),
                usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                mapped_at_creation: false,
            });
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
            staged.push(staging);
        }
        self.queue.submit([encoder.finish()]);
        for staging in &staged {
            staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        }
        let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
        waited.map_err(|e| format!("waiting for the device: {e}"))?;
        let read = |staging: &Buffer| {
            let view = staging.slice(..).get_mapped_range();
            let view = view.map_err(|e| format!("reading back: {e}"))?;
            let words = view.chunks_exact(4);
            Ok(words.map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        staged.iter().map(read).collect()
    }

    /// Fails unless lowbit kept its errors to itself and the caller's next error reaches the handler that the caller
    /// set.
    pub fn handler_is_in_force(&self) -> Result<(), String> {
        let before = self.uncaptured.load(Ordering::SeqCst);
        if before != 0 {
            return Err(format!("{before} of lowbit's errors reached the caller's handler"));
        }
        let _invalid = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("deliberately not a shader"),
            source: wgpu::ShaderSource::Wgsl("fn".into()),
        });
        match self.uncaptured.load(Ordering::SeqCst) {
            1 => Ok(()),
            n => Err(format!("1 error by the caller, {n} reached its handler")),
        }
    }
}

//! Runs device calls so that what goes wrong in them comes back as [`Error`], also on a device
//! that is borrowed: no handler of the caller's is replaced, scopes catch what they can, and a canary tells of
//! the device losses that scopes cannot see (gfx-rs/wgpu#10027).

use crate::{Error, Result};
use std::future::Future;
use wgpu::{Device, ErrorFilter};

/// A device whose errors come back from the calls that raise them.
pub(crate) struct Scoped {
    device: Device,
    #[cfg(target_arch = "wasm32")]
    lost: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Scoped {
    /// Takes a device that is not lost.
    pub fn new(device: Device) -> Result<Scoped> {
        #[cfg(not(target_arch = "wasm32"))]
        if pollster::block_on(lost(&device)) {
            return Err(Error::DeviceLost("taking it over".into()));
        }
        Ok(Scoped {
            #[cfg(target_arch = "wasm32")]
            lost: watch(&device),
            device,
        })
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Runs `f`, which must not wait for anything, and returns its result or the error that the
    /// device raised meanwhile. `what` says what was being done.
    pub async fn run<T>(&self, what: &str, f: impl FnOnce() -> T) -> Result<T> {
        let (value, errors) = pushed(&self.device, f);
        // The scopes are already closed; what is left to wait for is a browser's answer.
        let [validation, memory, internal] = errors;
        let (validation, memory, internal) = (validation.await, memory.await, internal.await);
        // An object that there was no memory for, or that a lost device made, is told of as an invalid one by the
        // calls after it: these two causes come first.
        if memory.is_some() {
            return Err(Error::OutOfMemory(what.into()));
        }
        if self.is_lost().await {
            return Err(Error::DeviceLost(what.into()));
        }
        match validation.or(internal) {
            None => Ok(value),
            Some(e) => Err(Error::Device {
                what: what.into(),
                message: message(&e),
            }),
        }
    }

    /// Whether the device is gone.
    #[cfg(not(target_arch = "wasm32"))]
    async fn is_lost(&self) -> bool {
        lost(&self.device).await
    }

    /// Whether the device is gone: a browser makes buffers on a lost one too, and calls everyone back who asks.
    #[cfg(target_arch = "wasm32")]
    async fn is_lost(&self) -> bool {
        self.lost.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(not(target_arch = "wasm32"))]
type Popped = std::pin::Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
#[cfg(target_arch = "wasm32")]
type Popped = std::pin::Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

fn pushed<T>(device: &Device, f: impl FnOnce() -> T) -> (T, [Popped; 3]) {
    let internal = device.push_error_scope(ErrorFilter::Internal);
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let value = f();
    let validation: Popped = Box::pin(validation.pop());
    let memory: Popped = Box::pin(memory.pop());
    (value, [validation, memory, Box::pin(internal.pop())])
}

fn message(error: &wgpu::Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        let part = e.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = e.source();
    }
    text
}

/// Whether the device makes no buffers any more: a lost one hands out buffers that are not mapped. One that has no
/// memory left for the canary is not lost.
#[cfg(not(target_arch = "wasm32"))]
async fn lost(device: &Device) -> bool {
    let (mapped, [_, memory, _]) = pushed(device, || {
        let canary = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("lowbit canary"),
            size: 4,
            usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        let view = canary.slice(..).get_mapped_range_mut();
        view.is_ok()
    });
    !mapped && memory.await.is_none()
}

/// What the browser will set when the device is gone. There is a promise for each who asks: a caller's handler stays.
#[cfg(target_arch = "wasm32")]
fn watch(device: &Device) -> std::sync::Arc<std::sync::atomic::AtomicBool> {
    let lost = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = lost.clone();
    device.set_device_lost_callback(move |_, _| {
        told.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    lost
}

//! Runs device calls so that what goes wrong in them comes back as [`Error`], also on a device
//! that is borrowed: no handler is installed, scopes catch what they can, and a canary tells of
//! the device losses that scopes cannot see (gfx-rs/wgpu#10027).

use crate::{Error, Result};
use std::future::Future;
use wgpu::{Device, ErrorFilter};

/// Runs `f`, which must not wait for anything, and returns its result or the first error that the
/// device raised meanwhile. `what` says what was being done.
pub(crate) async fn scoped<T>(device: &Device, what: &str, f: impl FnOnce() -> T) -> Result<T> {
    let (value, errors) = pushed(device, f);
    // The scopes are already closed; what is left to wait for is a browser's answer.
    let [validation, memory, internal] = errors;
    let first = [validation.await, memory.await, internal.await]
        .into_iter()
        .flatten()
        .next();
    match first {
        Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory(what.into())),
        Some(e) => Err(Error::Device {
            what: what.into(),
            message: message(&e),
        }),
        None if !alive(device) => Err(Error::DeviceLost(what.into())),
        None => Ok(value),
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

/// Whether the device still makes buffers: a lost one hands out buffers that are not mapped.
fn alive(device: &Device) -> bool {
    let canary = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("lowbit canary"),
        size: 4,
        usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: true,
    });
    canary.slice(..).get_mapped_range_mut().is_ok()
}

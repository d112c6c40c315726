//! Reads the bytes of a buffer back.

use crate::Fallible;
use lowbit::Gpu;
use lowbit::wgpu::{self, Buffer, BufferUsages, MapMode};

/// The floats of a buffer, after everything submitted so far.
pub fn floats(gpu: &Gpu, buffer: &Buffer) -> Fallible<Vec<f32>> {
    let device = gpu.device();
    let readable = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("reading back"),
        size: buffer.size(),
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &readable, 0, buffer.size());
    gpu.queue().submit([encoder.finish()]);
    Ok(bytemuck::pod_collect_to_vec(&mapped(gpu, &readable)?))
}

/// The bytes of a buffer that can be mapped, after everything submitted so far.
pub fn mapped(gpu: &Gpu, readable: &Buffer) -> Fallible<Vec<u8>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    readable.slice(..).map_async(MapMode::Read, move |result| {
        // The receiver is dropped only where the wait below has failed.
        let _ = sender.send(result);
    });
    gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let bytes = readable.slice(..).get_mapped_range()?.to_vec();
    readable.unmap();
    Ok(bytes)
}

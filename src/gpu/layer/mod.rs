//! Small kernels of a transformer layer, over rows of the caller's.

mod norm;
mod router;
mod top_k;

pub use norm::GpuNorm;
pub use router::GpuRouter;
pub use top_k::GpuTopK;

use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::range::{BufferRange, exactly};
use crate::reserve::within;
use crate::shader::traits::DeviceClass;
use crate::{Error, Result};
use wgpu::BufferSlice;

/// Invocations that share a row. A processor's cost more to wait for each other than they gain.
fn workgroup(gpu: &Gpu) -> u32 {
    match gpu.class() {
        DeviceClass::Gpu => 256,
        DeviceClass::Cpu => 32,
    }
}

/// The first rows of a buffer of the caller's.
struct Given<'a> {
    gpu: &'a Gpu,
    rows: usize,
}

impl Given<'_> {
    /// So many rows, a workgroup each.
    fn new(gpu: &Gpu, rows: usize) -> Result<Given<'_>> {
        let most = gpu.limits().max_compute_workgroups_per_dimension;
        within("rows of one call", rows as u64, most.into())?;
        Ok(Given { gpu, rows })
    }

    fn range(&self, what: &'static str, slice: BufferSlice, row_bytes: usize) -> Result<BufferRange> {
        let bytes = (self.rows as u64).saturating_mul(row_bytes as u64);
        exactly(self.gpu, what, "rows of one call in bytes", slice, bytes)
    }
}

/// No two of these may be of one buffer, since one of them is written.
fn apart(all: &[(&'static str, BufferSlice)]) -> Result<()> {
    for (i, (name, slice)) in all.iter().enumerate() {
        for (other, before) in &all[..i] {
            if before.buffer() == slice.buffer() {
                return Err(Error::Aliased(other, name));
            }
        }
    }
    Ok(())
}

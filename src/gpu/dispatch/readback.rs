//! One-call runs: bytes to the device, a kernel, and bytes back.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::told::told;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, BufferUsages, CommandEncoder, ComputePass, MapMode};

impl Gpu {
    /// Runs what `record` records once, on `contents` of a buffer of its own, and returns the first `bytes` bytes of
    /// its output.
    pub(crate) async fn run_on<T: bytemuck::Pod>(
        &self,
        (name, contents): (&'static str, &[u8]),
        bytes: u64,
        record: impl FnOnce(&mut ComputePass, BufferSlice, BufferSlice) -> Result<()>,
    ) -> Result<Vec<T>> {
        let input = self.buffer_of(name, contents, BufferUsages::STORAGE).await?;
        self.run(bytes, |pass, y| record(pass, input.slice(..), y)).await
    }

    /// The same without an input.
    pub(crate) async fn run<T: bytemuck::Pod>(
        &self,
        bytes: u64,
        record: impl FnOnce(&mut ComputePass, BufferSlice) -> Result<()>,
    ) -> Result<Vec<T>> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let y = self.buffer("y", bytes, usage).await?;
        let encoder = self.recorded(|pass| record(pass, y.slice(..))).await?;
        let y = self.read(encoder, &y, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&y))
    }

    /// An encoder of one pass with what `record` records.
    pub(crate) async fn recorded(&self, record: impl FnOnce(&mut ComputePass) -> Result<()>) -> Result<CommandEncoder> {
        let recorded = self.scoped("recording", || {
            let mut encoder = self.device().create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let recorded = record(&mut pass);
            drop(pass);
            recorded.map(|()| encoder)
        });
        recorded.await?
    }

    /// The first `len` bytes of `buffer`, after everything submitted so far. `encoder`'s commands
    /// go before the copy.
    async fn read(&self, mut encoder: CommandEncoder, buffer: &Buffer, len: u64) -> Result<Vec<u8>> {
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let staging = self.buffer("reading back", len, usage).await?;
        let (tell, told) = told();
        let submitted = self.scoped("running", || {
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, len);
            let submitted = self.queue().submit([encoder.finish()]);
            staging.slice(..).map_async(MapMode::Read, tell);
            submitted
        });
        let submitted = submitted.await?;
        // A browser calls back by itself; elsewhere somebody has to poll the device.
        #[cfg(not(target_arch = "wasm32"))]
        self.done(Some(submitted)).await?;
        #[cfg(target_arch = "wasm32")]
        drop(submitted);
        let lost = |e: &dyn std::fmt::Display| Error::DeviceLost(format!("reading back ({e})"));
        told.await.map_err(|e| lost(&e))?;
        let read = self.scoped("reading back", || {
            let view = staging.slice(..len).get_mapped_range();
            let bytes = view.map(|view| view.to_vec());
            staging.unmap();
            bytes
        });
        read.await?.map_err(|e| lost(&e))
    }
}

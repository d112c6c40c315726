//! One-call runs: bytes to the device, a kernel, and bytes back.

use super::device::{lock, Gpu};
use super::encode::Prepared;
use super::errors::scoped;
use crate::{Error, Result};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass, MapMode};

impl Gpu {
    /// Runs a prepared kernel once, on `input` bytes of its own where it takes any, and returns the
    /// first `bytes` bytes of its output.
    pub(crate) async fn run<T: bytemuck::Pod>(
        &self,
        prepared: &Prepared,
        input: Option<(&'static str, &[u8])>,
        bytes: u64,
    ) -> Result<Vec<T>> {
        let name = input.map(|(name, _)| name);
        self.run_recorded(input, bytes, |pass, input, y| {
            prepared.encode(pass, name.zip(input), ("y", y))
        })
        .await
    }

    /// The same for whatever `record` records.
    pub(crate) async fn run_recorded<T: bytemuck::Pod>(
        &self,
        input: Option<(&'static str, &[u8])>,
        bytes: u64,
        record: impl FnOnce(&mut ComputePass, Option<BufferSlice>, BufferSlice) -> Result<()>,
    ) -> Result<Vec<T>> {
        let usage = BufferUsages::STORAGE;
        let input = match input {
            Some((name, contents)) => Some(self.buffer_of(name, contents, usage).await?),
            None => None,
        };
        let y = self
            .buffer("y", bytes, usage | BufferUsages::COPY_SRC)
            .await?;
        let mut encoder = self.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let input = input.as_ref().map(|buffer| buffer.slice(..));
        let recorded = record(&mut pass, input, y.slice(..));
        drop(pass);
        recorded?;
        let y = self.read(encoder, &y, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&y))
    }

    /// The first `len` bytes of `buffer`, after everything submitted so far. `encoder`'s commands
    /// go before the copy.
    async fn read(
        &self,
        mut encoder: wgpu::CommandEncoder,
        buffer: &Buffer,
        len: u64,
    ) -> Result<Vec<u8>> {
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let staging = self.buffer("reading back", len, usage).await?;
        scoped(self.device(), "running", || {
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, len);
            self.queue().submit([encoder.finish()]);
        })
        .await?;
        self.mapped(&staging).await?;
        let bytes = match staging.slice(..len).get_mapped_range() {
            Ok(view) => view.to_vec(),
            Err(e) => return Err(Error::DeviceLost(format!("reading back ({e})"))),
        };
        staging.unmap();
        Ok(bytes)
    }

    async fn mapped(&self, staging: &Buffer) -> Result<()> {
        type Answer = (Option<Result<(), wgpu::BufferAsyncError>>, Option<Waker>);
        let answer = Arc::new(Mutex::new(Answer::default()));
        let told = answer.clone();
        staging.slice(..).map_async(MapMode::Read, move |result| {
            let mut answer = lock(&told);
            answer.0 = Some(result);
            if let Some(waker) = answer.1.take() {
                waker.wake();
            }
        });
        // A browser calls back by itself; elsewhere someone must wait for the device.
        #[cfg(not(target_arch = "wasm32"))]
        self.device()
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|e| Error::DeviceLost(format!("waiting ({e})")))?;
        let result = std::future::poll_fn(|context| {
            let mut answer = lock(&answer);
            match answer.0.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    answer.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        result
            .await
            .map_err(|e| Error::DeviceLost(format!("reading back ({e})")))
    }
}

//! Getting bytes back from the device.

use super::device::{lock, Gpu};
use super::errors::scoped;
use crate::{Error, Result};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use wgpu::{Buffer, BufferUsages, MapMode};

impl Gpu {
    /// The first `len` bytes of `buffer`, after everything submitted so far. `encoder`'s commands
    /// go before the copy.
    pub(crate) async fn read(
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

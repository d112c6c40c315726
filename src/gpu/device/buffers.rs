//! Making and filling buffers, with sizes checked and memory running out reported.

use crate::gpu::device::gpu::Gpu;
use crate::reserve::within;
use crate::{Error, Result};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, SubmissionIndex};

/// The most bytes that are in staging memory at once.
pub(crate) const STAGING: usize = 16 << 20;

impl Gpu {
    /// A buffer of `size` bytes, rounded up to whole words.
    pub(crate) async fn buffer(&self, label: &'static str, size: u64, usage: BufferUsages) -> Result<Buffer> {
        let size = size.max(4).next_multiple_of(4);
        let limit = self.limits().max_buffer_size;
        within(label, size, limit)?;
        let made = self.scoped(label, || {
            self.device().create_buffer(&BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            })
        });
        made.await
    }

    /// A buffer that holds `bytes`.
    pub(crate) async fn buffer_of(&self, label: &'static str, bytes: &[u8], usage: BufferUsages) -> Result<Buffer> {
        let usage = usage | BufferUsages::COPY_DST;
        let buffer = self.buffer(label, bytes.len() as u64, usage).await?;
        self.fill(label, &buffer, 0, bytes).await?;
        Ok(buffer)
    }

    /// Writes `bytes` at `at`, a multiple of 4, in pieces of which each waits for the one before; the last one is on
    /// its way. Submitted at once: until somebody submits, wgpu keeps what is written in staging memory, and the
    /// buffer alive (gfx-rs/wgpu#9354).
    pub(crate) async fn fill(
        &self,
        what: &'static str,
        buffer: &Buffer,
        at: u64,
        bytes: &[u8],
    ) -> Result<Option<SubmissionIndex>> {
        let mut last = None;
        for (piece, at) in bytes.chunks(STAGING).zip((at..).step_by(STAGING)) {
            self.done(last).await?;
            let (words, rest) = piece.split_at(piece.len() / 4 * 4);
            let written = self.scoped(what, || {
                self.queue().write_buffer(buffer, at, words);
                if !rest.is_empty() {
                    let mut word = [0; 4];
                    word[..rest.len()].copy_from_slice(rest);
                    let at = at + words.len() as u64;
                    self.queue().write_buffer(buffer, at, &word);
                }
                self.queue().submit([])
            });
            last = Some(written.await?);
        }
        Ok(last)
    }

    /// Waits until a submission, if there was one, has run and what it used is free.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn done(&self, submission: Option<SubmissionIndex>) -> Result<()> {
        if submission.is_none() {
            return Ok(());
        }
        let wait = wgpu::PollType::Wait {
            submission_index: submission,
            timeout: None,
        };
        match self.device().poll(wait) {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::DeviceLost(format!("waiting ({e})"))),
        }
    }

    /// Waits until all submissions have run: a browser does not wait for a certain one.
    #[cfg(target_arch = "wasm32")]
    pub(crate) async fn done(&self, submission: Option<SubmissionIndex>) -> Result<()> {
        if submission.is_some() {
            let (tell, told) = crate::gpu::device::told::told();
            self.queue().on_submitted_work_done(move || tell(()));
            told.await;
        }
        Ok(())
    }
}

//! Making buffers, with sizes checked and memory running out reported.

use super::device::Gpu;
use super::errors::scoped;
use crate::{Error, Result};
use wgpu::{Buffer, BufferUsages};

impl Gpu {
    /// A buffer of `size` bytes, rounded up to whole words.
    pub(crate) async fn buffer(
        &self,
        label: &'static str,
        size: u64,
        usage: BufferUsages,
    ) -> Result<Buffer> {
        self.make(label, size, usage, None).await
    }

    /// A buffer that holds `bytes`, written without a submission.
    pub(crate) async fn buffer_of(
        &self,
        label: &'static str,
        bytes: &[u8],
        usage: BufferUsages,
    ) -> Result<Buffer> {
        self.make(label, bytes.len() as u64, usage, Some(bytes))
            .await
    }

    async fn make(
        &self,
        label: &'static str,
        size: u64,
        usage: BufferUsages,
        contents: Option<&[u8]>,
    ) -> Result<Buffer> {
        let size = size.max(4).next_multiple_of(4);
        let limit = self.limits().max_buffer_size;
        if size > limit {
            return Err(Error::TooLarge {
                what: label,
                needed: size,
                limit,
            });
        }
        let made = scoped(self.device(), label, || {
            let buffer = self.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: contents.is_some(),
            });
            if let Some(bytes) = contents {
                // A buffer that could not be made is not mapped; the scope tells why.
                if let Ok(mut view) = buffer.slice(..).get_mapped_range_mut() {
                    view.slice(..bytes.len()).copy_from_slice(bytes);
                }
                buffer.unmap();
            }
            buffer
        });
        made.await
    }
}

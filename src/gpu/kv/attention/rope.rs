//! Angles in device memory.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::kv::Rope;
use crate::reserve::within;
use wgpu::{Buffer, BufferUsages};

/// A [`Rope`] in device memory. Cheap to clone; the layers of a model share it.
#[derive(Clone, Debug)]
pub struct GpuRope {
    pub(super) angles: Buffer,
    pub(super) d: usize,
    pub(super) interleaved: bool,
    pub(super) positions: usize,
}

impl Gpu {
    /// Copies angles to the device: 4 d bytes a position.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) where they exceed a binding, [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_rope(&self, rope: &Rope) -> Result<GpuRope> {
        pollster::block_on(self.upload_rope_async(rope))
    }

    /// The async form of [`upload_rope`](Self::upload_rope).
    ///
    /// # Errors
    /// Those of `upload_rope`.
    pub async fn upload_rope_async(&self, rope: &Rope) -> Result<GpuRope> {
        let bytes = bytemuck::cast_slice(rope.angles());
        within("angles in bytes", bytes.len() as u64, self.max_binding())?;
        Ok(GpuRope {
            angles: self.buffer_of("angles", bytes, BufferUsages::STORAGE).await?,
            d: rope.d(),
            interleaved: rope.interleaved(),
            positions: rope.positions(),
        })
    }
}

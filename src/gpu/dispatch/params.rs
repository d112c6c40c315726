//! The parameters of dispatches, in one uniform buffer.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::range::BufferRange;
use bytemuck::Pod;
use wgpu::BufferUsages;

/// How far apart parameters lie: the largest uniform offset alignment there is.
const STRIDE: usize = 256;

impl Gpu {
    /// Where each of these parameters is to be bound.
    pub(crate) async fn parameters<P: Pod>(&self, all: &[P]) -> Result<Vec<BufferRange>> {
        const { assert!(size_of::<P>() <= STRIDE) }
        let mut bytes = vec![0; all.len() * STRIDE];
        for (params, place) in all.iter().zip(bytes.chunks_mut(STRIDE)) {
            place[..size_of::<P>()].copy_from_slice(bytemuck::bytes_of(params));
        }
        let buffer = self.buffer_of("parameters", &bytes, BufferUsages::UNIFORM).await?;
        let part = |i: usize| BufferRange::part(&buffer, (i * STRIDE) as u64, size_of::<P>() as u64);
        Ok((0..all.len()).map(part).collect())
    }
}

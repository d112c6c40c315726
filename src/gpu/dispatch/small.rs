//! Small kernels next to a product: whole files after a few constants, with buffers of their own.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::dispatch::{Dispatch, Grid, Spec};
use crate::gpu::dispatch::range::BufferRange;
use crate::shader::small::SmallShader;
use wgpu::{Buffer, BufferUsages};

/// What is read, and what is written: the given buffers of most small kernels.
pub(crate) const IN_AND_OUT: [Binding; 2] = [(2, Access::Reads), (3, Access::Writes)];

/// The binding of parameters.
pub(crate) const PARAMETERS: Binding = (1, Access::Parameters);

/// What a small kernel is made of.
pub(crate) struct Small<'a> {
    pub shader: &'a SmallShader,
    pub own: Vec<Binding>,
    /// Bindings given at every recording, in the order in which they are.
    pub given: &'a [Binding],
    pub grids: Vec<Grid>,
}

impl Small<'_> {
    pub async fn dispatch(self, gpu: &Gpu) -> Result<Dispatch> {
        let spec = Spec {
            source: self.shader.source(),
            tuning: self.shader.tuning(),
            own: self.own,
            given: self.given.to_vec(),
            grids: self.grids,
        };
        Dispatch::new(gpu, spec).await
    }
}

impl Gpu {
    /// A uniform buffer that holds `params`.
    pub(crate) async fn parameters(&self, params: &[u8]) -> Result<Buffer> {
        self.buffer_of("parameters", params, BufferUsages::UNIFORM).await
    }
}

/// The whole of each buffer, as a grid's own.
pub(crate) fn whole<'a>(buffers: impl IntoIterator<Item = &'a Buffer>) -> Vec<BufferRange> {
    buffers.into_iter().map(BufferRange::whole).collect()
}

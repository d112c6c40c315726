//! Small kernels next to a product: whole files after a few constants, with buffers of their own.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::dispatch::{Compiled, Dispatch, Grid};
use crate::gpu::dispatch::range::{BufferRange, Span};
use crate::shader::small::SmallShader;
use bytemuck::Pod;
use wgpu::Buffer;

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
        let (source, tuning) = (self.shader.source(), self.shader.tuning());
        let compiled = Compiled::new(gpu, source, &tuning, self.own, self.given.to_vec()).await?;
        Dispatch::new(gpu, compiled, self.grids)
    }
}

/// A small kernel that has parameters, reads of what it is given and writes to it.
pub(crate) struct InAndOut<'a, P> {
    pub shader: SmallShader,
    pub params: P,
    /// More buffers that it reads, each with its binding.
    pub own: &'a [(u32, &'a Buffer)],
    /// Bytes that it reads and bytes that it writes.
    pub bytes: [u64; 2],
    pub workgroups: u64,
}

impl<P: Pod> InAndOut<'_, P> {
    pub async fn dispatch(self, gpu: &Gpu) -> Result<Dispatch> {
        let own = self.own.iter();
        let bindings = own.clone().map(|(binding, _)| (*binding, Access::Reads));
        let buffers = own.map(|(_, buffer)| BufferRange::whole(buffer));
        let small = Small {
            shader: &self.shader,
            own: [PARAMETERS].into_iter().chain(bindings).collect(),
            given: &IN_AND_OUT,
            grids: vec![Grid {
                own: gpu
                    .parameters(&[self.params])
                    .await?
                    .into_iter()
                    .chain(buffers)
                    .collect(),
                given: self.bytes.map(|bytes| Span::from(0..bytes)).to_vec(),
                workgroups: gpu.grid(self.workgroups, 1)?,
                times: 1,
            }],
        };
        small.dispatch(gpu).await
    }
}

//! Small kernels whose grid is known only when they are recorded.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::dispatch::{Grid, check_grid};
use crate::gpu::dispatch::kept::Groups;
use crate::gpu::dispatch::range::BufferRange;
use crate::gpu::dispatch::sequence::{Arg, Sequence};
use crate::gpu::dispatch::small::Small;
use crate::shader::small::SmallShader;
use wgpu::{Buffer, ComputePass};

/// Buffers of a kernel's own, each with its binding.
pub(crate) type Own<'a> = Vec<(u32, Access, &'a Buffer)>;

/// A kernel that is given buffers, and a number of workgroups, whenever it is recorded.
pub(crate) struct SmallKernel {
    sequence: Sequence,
}

/// A kernel with its buffers: all that can fail is done.
pub(crate) struct Ready<'a> {
    sequence: &'a Sequence,
    groups: Groups,
    workgroups: [u32; 2],
}

impl SmallKernel {
    pub async fn new(gpu: &Gpu, shader: &SmallShader, own: Own<'_>, given: &[Binding]) -> Result<SmallKernel> {
        let small = Small {
            shader,
            own: own.iter().map(|(at, access, _)| (*at, *access)).collect(),
            given,
            // Its size comes when it is recorded, and what is given is bound whole.
            grids: vec![Grid {
                own: own.iter().map(|(.., buffer)| BufferRange::whole(buffer)).collect(),
                given: Vec::new(),
                workgroups: [1; 3],
                times: 1,
            }],
        };
        // Whoever records it checks what it is given.
        let args = vec![Arg::read("a buffer of a small kernel"); given.len()];
        Ok(SmallKernel {
            sequence: Sequence::one(gpu, &args, small.dispatch(gpu).await?),
        })
    }

    /// Binds a range of a buffer for each given binding, for a grid of so many workgroups.
    pub fn bind<'r>(
        &self,
        given: impl IntoIterator<Item = &'r BufferRange>,
        workgroups: [u32; 2],
    ) -> Result<Ready<'_>> {
        check_grid(self.sequence.gpu(), workgroups)?;
        Ok(Ready {
            sequence: &self.sequence,
            groups: self.sequence.bind(given.into_iter().cloned())?,
            workgroups,
        })
    }
}

impl Ready<'_> {
    pub fn record(&self, pass: &mut ComputePass) {
        self.sequence.record_grid(pass, self.workgroups, &self.groups);
    }
}

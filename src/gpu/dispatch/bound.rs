//! A small kernel with any bindings: some it was made with, some given at every recording.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::kept::{Groups, Kept};
use crate::gpu::dispatch::prepared::part;
use crate::shader::compose::parts;
use crate::shader::kernels::File;
use crate::shader::tuning::Tuning;
use crate::{Error, Result};
use wgpu::{BindGroup, BindGroupEntry, BindGroupLayout, Buffer, ComputePass, ComputePipeline};

/// A buffer, an offset and a length in bytes.
pub(crate) type Range = (Buffer, u64, u64);

/// The most bindings that are given at a recording.
const MOST_GIVEN: usize = 2;

pub(crate) struct Bound {
    gpu: Gpu,
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
    own: Vec<(u32, Buffer)>,
    given: Vec<u32>,
    // No vector: looking kept bind groups up allocates nothing.
    kept: Kept<[Option<Range>; MOST_GIVEN]>,
}

/// A kernel with its buffers: all that can fail is done.
pub(crate) struct Ready<'a> {
    pipeline: &'a ComputePipeline,
    groups: Groups,
    grid: [u32; 2],
}

impl Ready<'_> {
    pub fn record(&self, pass: &mut ComputePass) {
        pass.set_pipeline(self.pipeline);
        pass.set_bind_group(0, &self.groups[0], &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
    }
}

/// What a kernel is made of.
pub(crate) struct Plan<'a> {
    pub files: &'a [File],
    pub consts: &'a [(&'static str, u32)],
    pub workgroup: u32,
    /// Bytes of workgroup memory.
    pub memory: u32,
    pub own: Vec<(u32, Access, Buffer)>,
    /// Bindings given at every recording, in the order in which they are.
    pub given: &'a [Binding],
}

impl Bound {
    pub async fn new(gpu: &Gpu, plan: Plan<'_>) -> Result<Bound> {
        // Beyond it the key of kept bind groups would be cut short.
        assert!(plan.given.len() <= MOST_GIVEN, "a kernel of this crate");
        let most = gpu.limits().max_storage_buffer_binding_size;
        if let Some((.., table)) = plan.own.iter().find(|(.., b)| b.size() > most) {
            return Err(Error::TooLarge {
                what: "a table of a small kernel in bytes",
                needed: table.size(),
                limit: most,
            });
        }
        let own = plan.own.iter().map(|(binding, access, _)| (*binding, *access));
        let bindings: Vec<_> = own.chain(plan.given.iter().copied()).collect();
        let tuning = Tuning {
            workgroup: plan.workgroup,
            memory: plan.memory,
            consts: plan.consts.to_vec(),
            ..Tuning::default()
        };
        let source = parts(plan.files, &tuning);
        let layout = gpu.layout(&source.name, &bindings).await?;
        Ok(Bound {
            pipeline: gpu.pipeline(source, &tuning, &layout).await?,
            layout,
            own: plan.own.into_iter().map(|(b, _, o)| (b, o)).collect(),
            given: plan.given.iter().map(|(b, _)| *b).collect(),
            kept: Kept::default(),
            gpu: gpu.clone(),
        })
    }

    /// Binds a range of a buffer for each given binding, for `grid` workgroups.
    pub fn bind(&self, given: &[Range], grid: [u32; 2]) -> Result<Ready<'_>> {
        let most = self.gpu.limits().max_compute_workgroups_per_dimension;
        if let Some(side) = grid.into_iter().find(|side| *side > most) {
            return Err(Error::TooLarge {
                what: "a dispatch in workgroups",
                needed: side.into(),
                limit: most.into(),
            });
        }
        let mut key = [const { None }; MOST_GIVEN];
        for (key, range) in key.iter_mut().zip(given) {
            *key = Some(range.clone());
        }
        Ok(Ready {
            pipeline: &self.pipeline,
            groups: self.kept.get(key, |_| self.group(given))?,
            grid,
        })
    }

    fn group(&self, given: &[Range]) -> Result<Vec<BindGroup>> {
        let device = self.gpu.device();
        let make = || {
            let own = self.own.iter().map(|(binding, buffer)| BindGroupEntry {
                binding: *binding,
                resource: buffer.as_entire_binding(),
            });
            let given = self.given.iter().zip(given);
            let given = given.map(|(binding, (buffer, at, size))| BindGroupEntry {
                binding: *binding,
                resource: part(buffer, *at, *size),
            });
            let entries: Vec<_> = own.chain(given).collect();
            vec![device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("lowbit"),
                layout: &self.layout,
                entries: &entries,
            })]
        };
        // In a browser nothing may wait; there a bad binding surfaces in the caller's own scope.
        #[cfg(target_arch = "wasm32")]
        return Ok(make());
        #[cfg(not(target_arch = "wasm32"))]
        pollster::block_on(self.gpu.scoped("binding buffers", make))
    }
}

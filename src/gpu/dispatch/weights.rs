//! Dispatches of the kernels that read packed weights.

use crate::Result;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::dispatch::{Dispatch, Grid, Spec, fold};
use crate::gpu::dispatch::job::{Job, Stack};
use crate::gpu::dispatch::range::BufferRange;
use crate::reserve::within;
use crate::shader::bindings;
use crate::shader::params::Params;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use wgpu::BufferUsages;

/// Parameters lie this far apart: the largest uniform offset alignment there is.
const PARAMS_STRIDE: usize = 256;

impl Weights {
    /// The dispatch of these jobs. `given` says what is bound of the caller's, in the order of the jobs' spans.
    pub(crate) async fn dispatch(
        &self,
        source: Source,
        tuning: Tuning,
        jobs: Vec<Job>,
        given: Vec<Binding>,
    ) -> Result<Dispatch> {
        let gpu = self.gpu();
        let mut params = vec![0u8; jobs.len() * PARAMS_STRIDE];
        for (job, place) in jobs.iter().zip(params.chunks_mut(PARAMS_STRIDE)) {
            place[..size_of::<Params>()].copy_from_slice(bytemuck::bytes_of(&self.params(job)));
        }
        let params = gpu.buffer_of("parameters", &params, BufferUsages::UNIFORM).await?;
        let max = gpu.limits().max_compute_workgroups_per_dimension;
        let grid = |(i, job): (usize, Job)| {
            let slab = &self.slabs()[job.slab];
            let at = (i * PARAMS_STRIDE) as u64;
            let mut own = vec![
                BufferRange::whole(&slab.codes),
                BufferRange::whole(&slab.scales),
                BufferRange::part(&params, at, size_of::<Params>() as u64),
            ];
            own.extend(self.table().map(BufferRange::whole));
            let [x, y] = fold(job.workgroups, max)?;
            within("the depth of a grid in workgroups", job.depth, max.into())?;
            Ok(Grid {
                own,
                given: job.given,
                workgroups: [x, y, job.depth as u32],
                times: job.times,
            })
        };
        let grids = jobs.into_iter().enumerate().map(grid).collect::<Result<_>>()?;
        let mut own = vec![
            (bindings::CODES, Access::Reads),
            (bindings::SCALES, Access::Reads),
            (bindings::PARAMS, Access::Parameters),
        ];
        own.extend(self.table().map(|_| (bindings::TABLE, Access::Reads)));
        let spec = Spec {
            source,
            tuning,
            own,
            given,
            grids,
        };
        Dispatch::new(gpu, spec).await
    }

    fn params(&self, job: &Job) -> Params {
        let slab = &self.slabs()[job.slab];
        let (code_units, scale_units) = self.units();
        let stack = job.stack.unwrap_or(Stack {
            n: self.n(),
            members: 1,
            sharing: 1,
        });
        // Kernels count the rows of one matrix; where they lie in a stack is the axis's business.
        let (first_row, rows) = match job.stack {
            None => (slab.first_row, slab.rows),
            Some(stack) => (0, stack.n),
        };
        Params {
            n: stack.n as u32,
            k: self.k() as u32,
            m: job.m as u32,
            first_row: first_row as u32,
            rows: rows as u32,
            code_units: code_units as u32,
            scale_units: scale_units as u32,
            from_row: job.from_row as u32,
            zero: 0,
            slab_first: slab.first_row as u32,
            slab_rows: slab.rows as u32,
            members: stack.members as u32,
            sharing: stack.sharing as u32,
            outputs: job.outputs as u32,
            padding: [0; 2],
        }
    }
}

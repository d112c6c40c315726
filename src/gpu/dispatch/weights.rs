//! Dispatches of the kernels that read packed weights.

use crate::Result;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::dispatch::{Dispatch, Grid, Spec};
use crate::gpu::dispatch::job::{Job, Stack};
use crate::gpu::dispatch::range::BufferRange;
use crate::shader::bindings;
use crate::shader::params::Params;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;

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
        let params: Vec<Params> = jobs.iter().map(|job| self.params(job)).collect();
        let params = gpu.parameters(&params).await?;
        let grid = |(job, params): (Job, BufferRange)| {
            let slab = &self.slabs()[job.slab];
            let mut own = vec![
                BufferRange::whole(&slab.codes),
                BufferRange::whole(&slab.scales),
                params,
            ];
            own.extend(self.table().map(BufferRange::whole));
            Ok(Grid {
                own,
                given: job.given,
                workgroups: gpu.grid(job.workgroups, job.depth)?,
                times: job.times,
            })
        };
        let grids = jobs.into_iter().zip(params).map(grid).collect::<Result<_>>()?;
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

//! Dispatches of the kernels that read packed weights.

use crate::Result;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::dispatch::{Compiled, Dispatch, EachM, Grid};
use crate::gpu::dispatch::job::{Job, Stack};
use crate::gpu::dispatch::range::BufferRange;
use crate::shader::bindings;
use crate::shader::params::Params;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use std::sync::Arc;

impl Weights {
    /// The dispatch of these jobs.
    pub(crate) async fn dispatch(&self, compiled: Arc<Compiled>, jobs: Vec<Job>) -> Result<Dispatch> {
        let params: Vec<Params> = jobs.iter().map(|job| self.params(job, job.m)).collect();
        let params = self.gpu().parameters(&params).await?;
        self.grids(compiled, jobs, params)
    }

    /// The dispatch of these jobs, of runs of at most `run` rows each, for any number of rows up to theirs.
    pub(crate) async fn dispatch_each_m(
        &self,
        compiled: Arc<Compiled>,
        jobs: Vec<Job>,
        run: usize,
    ) -> Result<Dispatch> {
        let gpu = self.gpu();
        let first_run = jobs.iter().take_while(|job| job.first == jobs[0].first);
        let mut tables = Vec::new();
        let mut works = Vec::new();
        for job in first_run {
            tables.push(gpu.parameter_table(run, |m| self.params(job, m)).await?);
            works.push(job.work);
        }
        let each_m = EachM::new(gpu, run, works, jobs[0].depth as u32);
        let params = jobs.iter().map(|job| tables[job.slab].clone()).collect();
        Ok(self.grids(compiled, jobs, params)?.with_each_m(Some(each_m)))
    }

    /// Compiles a kernel that reads these weights. `given` says what is bound of the caller's, in the order of the spans
    /// of jobs.
    pub(crate) async fn compile(&self, source: Source, tuning: &Tuning, given: Vec<Binding>) -> Result<Arc<Compiled>> {
        let mut own = vec![
            (bindings::CODES, Access::Reads),
            (bindings::SCALES, Access::Reads),
            (bindings::PARAMS, Access::Parameters),
        ];
        own.extend(self.table().map(|_| (bindings::TABLE, Access::Reads)));
        Compiled::new(self.gpu(), source, tuning, own, given).await
    }

    fn grids(&self, compiled: Arc<Compiled>, jobs: Vec<Job>, params: Vec<BufferRange>) -> Result<Dispatch> {
        let gpu = self.gpu();
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
                workgroups: gpu.grid(job.work.workgroups(job.m), job.depth)?,
                given: job.given,
                times: job.times,
            })
        };
        let grids = jobs.into_iter().zip(params).map(grid).collect::<Result<_>>()?;
        Dispatch::new(gpu, compiled, grids)
    }

    /// The parameters of a job for m rows.
    fn params(&self, job: &Job, m: usize) -> Params {
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
            m: m as u32,
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
            outputs: (m * job.row_outputs) as u32,
            padding: [0; 2],
        }
    }
}

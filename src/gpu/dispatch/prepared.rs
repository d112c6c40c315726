//! A kernel made ready: compiled, its parameters in memory, recorded into any pass.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::jobs::{Job, Stack};
use crate::gpu::dispatch::kept::{Groups, Kept};
use crate::shader::bindings;
use crate::shader::kernels::{Kernel, Shape};
use crate::shader::params::Params;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use crate::{Error, Result};
use std::ops::Range;
use wgpu::{
    BindGroup, BindGroupEntry, BindGroupLayout, BindingResource, Buffer, BufferBinding, BufferSlice, BufferUsages,
    ComputePass, ComputePipeline,
};

/// A buffer of the caller's beside input and output.
#[derive(Clone, Copy)]
pub(crate) struct Other {
    pub name: &'static str,
    pub binding: u32,
}

/// The most of them that any product has: ids, a zero point, and an operand of each kind.
pub(crate) const MOST_OTHERS: usize = 8;

/// Parameters lie this far apart: the largest uniform offset alignment there is.
const PARAMS_STRIDE: usize = 256;

pub(crate) struct Prepared {
    weights: Weights,
    kernel: &'static Kernel,
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
    params: Buffer,
    jobs: Vec<(Job, [u32; 3])>,
    others: Vec<Other>,
    kept: Kept<Places>,
}

/// Input, output and the others.
#[derive(PartialEq)]
struct Places {
    input: Option<Place>,
    output: Place,
    // No vector: looking kept bind groups up allocates nothing.
    others: [Option<Place>; MOST_OTHERS],
}

/// A buffer and an offset in it.
type Place = (Buffer, u64);

impl Prepared {
    pub async fn new(
        weights: &Weights,
        kernel: &'static Kernel,
        tuning: &Tuning,
        source: Source,
        jobs: Vec<Job>,
    ) -> Result<Prepared> {
        Prepared::with_others(weights, kernel, tuning, source, jobs, Vec::new()).await
    }

    /// As `new`, with more buffers of the caller's: each job says how much of them it needs.
    pub async fn with_others(
        weights: &Weights,
        kernel: &'static Kernel,
        tuning: &Tuning,
        source: Source,
        jobs: Vec<Job>,
        others: Vec<Other>,
    ) -> Result<Prepared> {
        let gpu = weights.gpu();
        let (code_units, scale_units) = weights.units();
        let max = gpu.limits().max_compute_workgroups_per_dimension;
        let mut params = vec![0u8; jobs.len() * PARAMS_STRIDE];
        let mut folded = Vec::with_capacity(jobs.len());
        for (job, place) in jobs.into_iter().zip(params.chunks_mut(PARAMS_STRIDE)) {
            let slab = &weights.slabs()[job.slab];
            let stack = job.stack.unwrap_or(Stack {
                n: weights.n(),
                members: 1,
                sharing: 1,
            });
            // Kernels count the rows of one matrix; where they lie in a stack is the axis's business.
            let (first_row, rows) = match job.stack {
                None => (slab.first_row, slab.rows),
                Some(stack) => (0, stack.n),
            };
            let fields = Params {
                n: stack.n as u32,
                k: weights.k() as u32,
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
            };
            let bytes = bytemuck::bytes_of(&fields);
            place[..bytes.len()].copy_from_slice(bytes);
            let [x, y] = fold(job.workgroups, max)?;
            let depth = job.depth.max(1);
            if depth > max as u64 {
                return Err(Error::TooLarge {
                    what: "the depth of a grid in workgroups",
                    needed: depth,
                    limit: max.into(),
                });
            }
            folded.push((job, [x, y, depth as u32]));
        }
        let mut bound = vec![
            (bindings::CODES, Access::Reads),
            (bindings::SCALES, Access::Reads),
            (bindings::PARAMS, Access::Parameters),
            (bindings::OUTPUT, Access::Writes),
        ];
        if matches!(kernel.shape, Shape::Product | Shape::IndexedRows) {
            bound.push((bindings::INPUT, Access::Reads));
        }
        if weights.table().is_some() {
            bound.push((bindings::TABLE, Access::Reads));
        }
        bound.extend(others.iter().map(|o| (o.binding, Access::Reads)));
        let layout = gpu.layout(kernel.name, &bound).await?;
        Ok(Prepared {
            pipeline: gpu.pipeline(source, tuning, &layout).await?,
            params: gpu.buffer_of("parameters", &params, BufferUsages::UNIFORM).await?,
            weights: weights.clone(),
            kernel,
            layout,
            jobs: folded,
            others,
            kept: Kept::default(),
        })
    }

    pub fn gpu(&self) -> &Gpu {
        self.weights.gpu()
    }

    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    pub fn dispatches(&self) -> usize {
        self.jobs.iter().map(|(job, _)| job.times).sum()
    }

    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// Binds and records it.
    pub fn encode(
        &self,
        pass: &mut ComputePass,
        input: Option<(&'static str, BufferSlice)>,
        output: (&'static str, BufferSlice),
    ) -> Result<()> {
        self.check(input, output, &[])?;
        let groups = self.bind(input.map(|(_, slice)| slice), output.1, &[])?;
        self.record(pass, &groups);
        Ok(())
    }

    /// Bind groups for checked buffers, made the first time these are seen.
    pub fn bind(&self, input: Option<BufferSlice>, output: BufferSlice, others: &[BufferSlice]) -> Result<Groups> {
        let key = |b: &BufferSlice| (b.buffer().clone(), b.offset());
        let places = Places {
            input: input.as_ref().map(key),
            output: key(&output),
            others: std::array::from_fn(|i| others.get(i).map(key)),
        };
        self.kept.get(places, |places| self.groups(places))
    }

    /// Records every dispatch, with what `bind` made: nothing here can fail.
    pub fn record(&self, pass: &mut ComputePass, groups: &Groups) {
        pass.set_pipeline(&self.pipeline);
        let grids = self.jobs.iter();
        let grids = grids.flat_map(|(job, grid)| std::iter::repeat_n(grid, job.times));
        for (grid, group) in grids.zip(groups.iter()) {
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        }
    }

    /// Whether the buffers can be bound.
    pub fn check(
        &self,
        input: Option<(&'static str, BufferSlice)>,
        output: (&'static str, BufferSlice),
        others: &[BufferSlice],
    ) -> Result<()> {
        let needed = |of: fn(&Job) -> u64| self.jobs.iter().map(|(j, _)| of(j)).max();
        if let Some((name, slice)) = input {
            let needed = needed(|j| j.end(&j.input)).unwrap_or(0);
            check_binding(self.gpu(), name, slice, needed)?;
            if slice.buffer() == output.1.buffer() {
                return Err(Error::Aliased(name, output.0));
            }
        }
        let needed = needed(|j| j.end(&j.output)).unwrap_or(0);
        check_binding(self.gpu(), output.0, output.1, needed)?;
        debug_assert_eq!(self.others.len(), others.len());
        for (i, (other, slice)) in self.others.iter().zip(others).enumerate() {
            let needed = self.jobs.iter().map(|(j, _)| j.end(&j.others[i])).max();
            check_binding(self.gpu(), other.name, *slice, needed.unwrap_or(0))?;
            if slice.buffer() == output.1.buffer() {
                return Err(Error::Aliased(other.name, output.0));
            }
        }
        Ok(())
    }

    fn groups(&self, places: &Places) -> Result<Vec<BindGroup>> {
        let device = self.gpu().device();
        let make = || {
            let jobs = self.jobs.iter().enumerate();
            let dispatches = jobs.flat_map(|(i, (job, _))| (0..job.times).map(move |t| (i, job, t)));
            dispatches
                .map(|(i, job, time)| {
                    let slab = &self.weights.slabs()[job.slab];
                    let (at_params, params) = (i * PARAMS_STRIDE, size_of::<Params>());
                    let mut entries = vec![
                        entry(bindings::CODES, slab.codes.as_entire_binding()),
                        entry(bindings::SCALES, slab.scales.as_entire_binding()),
                        entry(bindings::PARAMS, part(&self.params, at_params as u64, params as u64)),
                        entry(bindings::OUTPUT, at(&places.output, &job.output.at(time))),
                    ];
                    if let Some(input) = &places.input {
                        entries.push(entry(bindings::INPUT, at(input, &job.input.at(time))));
                    }
                    let others = self.others.iter().zip(&job.others).zip(&places.others);
                    entries.extend(others.filter_map(|((other, bytes), place)| {
                        let bytes = bytes.at(time);
                        Some(entry(other.binding, at(place.as_ref()?, &bytes)))
                    }));
                    if let Some(table) = self.weights.table() {
                        entries.push(entry(bindings::TABLE, table.as_entire_binding()));
                    }
                    device.create_bind_group(&wgpu::BindGroupDescriptor {
                        label: Some("lowbit"),
                        layout: &self.layout,
                        entries: &entries,
                    })
                })
                .collect()
        };
        // In a browser nothing may wait; there a bad binding surfaces in the caller's own scope.
        #[cfg(target_arch = "wasm32")]
        return Ok(make());
        #[cfg(not(target_arch = "wasm32"))]
        pollster::block_on(self.gpu().scoped("binding buffers", make))
    }
}

/// Whether a caller's slice can be bound: its length, offset and usage.
pub(crate) fn check_binding(gpu: &Gpu, what: &'static str, slice: BufferSlice, needed: u64) -> Result<()> {
    let got = slice.size();
    if got < needed {
        return Err(Error::Binding {
            what,
            expected: needed,
            got,
        });
    }
    let alignment = gpu.limits().min_storage_buffer_offset_alignment as u64;
    if !slice.offset().is_multiple_of(alignment) {
        return Err(Error::Alignment {
            what,
            alignment,
            got: slice.offset(),
        });
    }
    let usage = slice.buffer().usage();
    if !usage.contains(BufferUsages::STORAGE) {
        return Err(Error::Usage {
            what,
            expected: format!("{:?}", BufferUsages::STORAGE),
            got: format!("{usage:?}"),
        });
    }
    Ok(())
}

fn entry(binding: u32, resource: BindingResource) -> BindGroupEntry {
    BindGroupEntry { binding, resource }
}

fn at<'a>((buffer, offset): &'a (Buffer, u64), range: &Range<u64>) -> BindingResource<'a> {
    part(buffer, offset + range.start, range.end - range.start)
}

pub(crate) fn part(buffer: &Buffer, offset: u64, size: u64) -> BindingResource<'_> {
    BindingResource::Buffer(BufferBinding {
        buffer,
        offset,
        size: std::num::NonZeroU64::new(size),
    })
}

/// A grid of at least `total` workgroups, no side longer than `max`.
pub(crate) fn fold(total: u64, max: u32) -> Result<[u32; 2]> {
    let max = max as u64;
    let y = total.div_ceil(max).max(1);
    if y > max {
        return Err(Error::TooLarge {
            what: "a dispatch in workgroups",
            needed: total,
            limit: max * max,
        });
    }
    Ok([total.div_ceil(y).max(1) as u32, y as u32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_fold_past_the_limit_of_a_dimension() {
        for total in [1, 2, 65535, 65536, 65537, 131071, 1 << 31] {
            let [x, y] = fold(total, 65535).unwrap();
            assert!(x <= 65535 && y <= 65535 && x as u64 * y as u64 >= total);
        }
        assert!(fold(1 << 33, 65535).is_err());
    }
}

//! A kernel made ready: compiled, its parameters in memory, recorded into any pass.

use super::device::Gpu;
use super::errors::scoped;
use super::kept::Kept;
use super::kernels::Kernel;
use super::source::Source;
use super::tuning::Tuning;
use super::weights::Weights;
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;
use wgpu::{
    BindGroup, BindGroupEntry, BindGroupLayout, BindingResource, Buffer, BufferBinding,
    BufferSlice, BufferUsages, ComputePass, ComputePipeline,
};

/// One dispatch: a slab of the weights and the bytes of input and output that it works on.
#[derive(Clone, Default)]
pub(crate) struct Job {
    pub slab: usize,
    /// Rows of x, or rows wanted.
    pub m: usize,
    pub from_row: usize,
    pub input: Range<u64>,
    pub output: Range<u64>,
    /// Elements of the output, where the kernel must know.
    pub outputs: usize,
    pub workgroups: u64,
    /// How deep the grid is; 0 is 1.
    pub depth: u64,
    /// Where the packed matrix is a stack of several.
    pub stack: Option<Stack>,
    /// The bytes of each of the other buffers bound.
    pub others: Vec<Range<u64>>,
}

/// Matrices of n rows each, one below the other.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    pub n: usize,
    pub members: usize,
    /// Rows of y made of one row of x.
    pub sharing: usize,
}

/// A buffer of the caller's beside input and output.
#[derive(Clone, Copy)]
pub(crate) struct Other {
    pub name: &'static str,
    pub binding: u32,
}

/// The most of them that any product has: ids, a zero point, and an operand of each kind.
pub(super) const MOST_OTHERS: usize = 8;

/// `Params` of `shaders/params.wgsl`, field by field.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    n: u32,
    k: u32,
    m: u32,
    first_row: u32,
    rows: u32,
    code_units: u32,
    scale_units: u32,
    from_row: u32,
    zero: u32,
    slab_first: u32,
    slab_rows: u32,
    members: u32,
    sharing: u32,
    outputs: u32,
    padding: [u32; 2],
}

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
        let table = weights.table().is_some();
        let bindings: Vec<u32> = others.iter().map(|o| o.binding).collect();
        let layout = gpu.layout(kernel.name, kernel.shape, table, &bindings)?;
        Ok(Prepared {
            pipeline: gpu.pipeline(source, tuning, &layout).await?,
            params: gpu
                .buffer_of("parameters", &params, BufferUsages::UNIFORM)
                .await?,
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
        self.jobs.len()
    }

    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// Records every dispatch. Bind groups are made the first time a pair of buffers is seen.
    pub fn encode(
        &self,
        pass: &mut ComputePass,
        input: Option<(&'static str, BufferSlice)>,
        output: (&'static str, BufferSlice),
    ) -> Result<()> {
        self.encode_with(pass, input, output, &[])
    }

    /// As `encode`, with the other buffers in their order.
    pub fn encode_with(
        &self,
        pass: &mut ComputePass,
        input: Option<(&'static str, BufferSlice)>,
        output: (&'static str, BufferSlice),
        others: &[BufferSlice],
    ) -> Result<()> {
        self.check(input, output, others)?;
        let key = |b: &BufferSlice| (b.buffer().clone(), b.offset());
        let places = Places {
            input: input.map(|(_, s)| key(&s)),
            output: key(&output.1),
            others: std::array::from_fn(|i| others.get(i).map(key)),
        };
        let groups = self.kept.get(places, |places| self.groups(places))?;
        pass.set_pipeline(&self.pipeline);
        for ((_, grid), group) in self.jobs.iter().zip(groups.iter()) {
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        }
        Ok(())
    }

    /// Whether the buffers can be bound.
    pub fn check(
        &self,
        input: Option<(&'static str, BufferSlice)>,
        output: (&'static str, BufferSlice),
        others: &[BufferSlice],
    ) -> Result<()> {
        let needed = |end: fn(&Job) -> u64| self.jobs.iter().map(|(j, _)| end(j)).max();
        if let Some((name, slice)) = input {
            let needed = needed(|j| j.input.end).unwrap_or(0);
            check_binding(self.gpu(), name, slice, needed)?;
            if slice.buffer() == output.1.buffer() {
                return Err(Error::Aliased(name, output.0));
            }
        }
        let needed = needed(|j| j.output.end).unwrap_or(0);
        check_binding(self.gpu(), output.0, output.1, needed)?;
        debug_assert_eq!(self.others.len(), others.len());
        for (i, (other, slice)) in self.others.iter().zip(others).enumerate() {
            let needed = self.jobs.iter().map(|(j, _)| j.others[i].end).max();
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
            jobs.map(|(i, (job, _))| {
                let slab = &self.weights.slabs()[job.slab];
                let mut entries = vec![
                    entry(0, slab.codes.as_entire_binding()),
                    entry(1, slab.scales.as_entire_binding()),
                    entry(
                        2,
                        part(
                            &self.params,
                            (i * PARAMS_STRIDE) as u64,
                            size_of::<Params>() as u64,
                        ),
                    ),
                    entry(4, at(&places.output, &job.output)),
                ];
                if let Some(input) = &places.input {
                    entries.push(entry(3, at(input, &job.input)));
                }
                let others = self.others.iter().zip(&job.others).zip(&places.others);
                entries.extend(others.filter_map(|((other, bytes), place)| {
                    Some(entry(other.binding, at(place.as_ref()?, bytes)))
                }));
                if let Some(table) = self.weights.table() {
                    entries.push(entry(5, table.as_entire_binding()));
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
        pollster::block_on(scoped(device, "binding buffers", make))
    }
}

/// Whether a caller's slice can be bound: its length, offset and usage.
pub(super) fn check_binding(
    gpu: &Gpu,
    what: &'static str,
    slice: BufferSlice,
    needed: u64,
) -> Result<()> {
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

pub(super) fn part(buffer: &Buffer, offset: u64, size: u64) -> BindingResource<'_> {
    BindingResource::Buffer(BufferBinding {
        buffer,
        offset,
        size: std::num::NonZeroU64::new(size),
    })
}

/// A grid of at least `total` workgroups, no side longer than `max`.
pub(super) fn fold(total: u64, max: u32) -> Result<[u32; 2]> {
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

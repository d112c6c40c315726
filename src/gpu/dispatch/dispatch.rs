//! A pipeline, its bindings and its grids: the one thing that is recorded.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::job::Work;
use crate::gpu::dispatch::params::table_offset;
use crate::gpu::dispatch::range::{BufferRange, Needed, Span};
use crate::reserve::within;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use std::sync::Arc;
use wgpu::{BindGroup, BindGroupEntry, BindGroupLayout, ComputePass, ComputePipeline, Device};

/// A compiled kernel and what it binds.
pub(crate) struct Compiled {
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
    /// Bindings of each grid's own buffers, in its order.
    own: Vec<Binding>,
    /// Bindings of buffers that are given at every recording, in the order in which they are.
    given: Vec<Binding>,
}

impl Compiled {
    pub async fn new(
        gpu: &Gpu,
        source: Source,
        tuning: &Tuning,
        own: Vec<Binding>,
        given: Vec<Binding>,
    ) -> Result<Arc<Compiled>> {
        let bindings = [&own[..], &given].concat();
        let layout = gpu.layout(&source.name, &bindings).await?;
        Ok(Arc::new(Compiled {
            pipeline: gpu.pipeline(source, tuning, &layout).await?,
            layout,
            own,
            given,
        }))
    }

    fn has_parameters(&self) -> bool {
        self.own.iter().any(|(_, access)| *access == Access::Parameters)
    }
}

/// Workgroups, and what they bind. As many dispatches as there are runs of rows that differ in nothing but where they
/// lie.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub own: Vec<BufferRange>,
    /// Bytes of each given buffer; without any, whatever is given is bound whole.
    pub given: Vec<Span>,
    pub workgroups: [u32; 3],
    /// Dispatches.
    pub times: usize,
}

/// How a dispatch serves fewer rows than it was planned for: it has a grid for each run of rows and slab, the grids of
/// a run one after the other, and its parameters lie in a table of every number of rows.
#[derive(Clone, Debug)]
pub(crate) struct EachM {
    /// Rows of a run.
    pub run: usize,
    /// The workgroups of each slab.
    pub works: Vec<Work>,
    /// Layers of the grid.
    pub depth: u32,
    /// Workgroups along a side of a grid.
    pub side: u32,
}

impl EachM {
    pub fn new(gpu: &Gpu, run: usize, works: Vec<Work>, depth: u32) -> EachM {
        EachM {
            run,
            works,
            depth,
            side: gpu.limits().max_compute_workgroups_per_dimension,
        }
    }
}

pub(crate) struct Dispatch {
    compiled: Arc<Compiled>,
    grids: Vec<Grid>,
    each_m: Option<EachM>,
}

impl Dispatch {
    pub fn new(gpu: &Gpu, compiled: Arc<Compiled>, grids: Vec<Grid>) -> Result<Dispatch> {
        let most = gpu.limits().max_storage_buffer_binding_size;
        for grid in &grids {
            for ((_, access), range) in compiled.own.iter().zip(&grid.own) {
                if *access != Access::Parameters {
                    within("a buffer of a kernel's own in bytes", range.size, most)?;
                }
            }
        }
        Ok(Dispatch {
            compiled,
            grids,
            each_m: None,
        })
    }

    /// The same dispatch for any number of rows up to those that it was planned for.
    pub fn with_each_m(mut self, each_m: Option<EachM>) -> Dispatch {
        self.each_m = each_m;
        self
    }

    /// Dispatches that one recording makes.
    pub fn count(&self) -> usize {
        self.grids.iter().map(|grid| grid.times).sum()
    }

    /// Bytes that given buffer number `i` must have: all of them, and those of a row where there may be fewer rows.
    pub fn needed(&self, i: usize) -> Needed {
        let ends = self.grids.iter().filter_map(|g| Some(g.given.get(i)?.end(g.times)));
        let row = |each: &EachM| Some(self.grids[0].given.get(i)?.step / each.run as u64);
        Needed {
            whole: ends.max().unwrap_or(0),
            row: self.each_m.as_ref().and_then(row).unwrap_or(0),
        }
    }

    /// A bind group for each dispatch, but for runs of rows that begin past the end of what is given.
    pub fn groups(&self, device: &Device, given: &[&BufferRange]) -> Vec<BindGroup> {
        let grids = self.grids.iter();
        let dispatches = grids.flat_map(|grid| (0..grid.times).map(move |time| (grid, time)));
        let begins_within = |(grid, time): &(&Grid, usize)| {
            let mut spans = grid.given.iter().zip(given);
            spans.all(|(span, range)| span.at(*time).start < range.size)
        };
        let Compiled {
            own: own_bindings,
            given: given_bindings,
            ..
        } = &*self.compiled;
        dispatches
            .take_while(begins_within)
            .map(|(grid, time)| {
                let own = own_bindings.iter().zip(&grid.own);
                let own = own.map(|((binding, _), range)| entry(*binding, range, None));
                let given = given_bindings.iter().zip(given).enumerate();
                let given = given
                    .map(|(i, ((binding, _), range))| entry(*binding, range, grid.given.get(i).map(|s| s.at(time))));
                let entries: Vec<_> = own.chain(given).collect();
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("lowbit"),
                    layout: &self.compiled.layout,
                    entries: &entries,
                })
            })
            .collect()
    }

    /// Records every dispatch with its bind group, where there may be fewer rows those of the first `rows`: nothing here
    /// can fail.
    pub fn record(&self, pass: &mut ComputePass, groups: &[BindGroup], rows: usize) {
        pass.set_pipeline(&self.compiled.pipeline);
        let Some(each) = &self.each_m else {
            let grids = self.grids.iter();
            let grids = grids.flat_map(|grid| std::iter::repeat_n(grid.workgroups, grid.times));
            for (workgroups, group) in grids.zip(groups) {
                self.dispatch(pass, workgroups, group, 0);
            }
            return;
        };
        let mut groups = groups.iter();
        for first in (0..rows).step_by(each.run) {
            let count = each.run.min(rows - first);
            for (work, group) in each.works.iter().zip(groups.by_ref()) {
                let [x, y] = folded(work.workgroups(count), each.side);
                self.dispatch(pass, [x, y, each.depth], group, table_offset(count));
            }
        }
    }

    /// Records it once with a grid that is known only now, which [`check_grid`] has let pass.
    pub fn record_grid(&self, pass: &mut ComputePass, [x, y]: [u32; 2], group: &BindGroup) {
        pass.set_pipeline(&self.compiled.pipeline);
        self.dispatch(pass, [x, y, 1], group, 0);
    }

    /// `offset` is that of the parameters from where they are bound.
    fn dispatch(&self, pass: &mut ComputePass, [x, y, z]: [u32; 3], group: &BindGroup, offset: u32) {
        let offsets: &[u32] = if self.compiled.has_parameters() { &[offset] } else { &[] };
        pass.set_bind_group(0, group, offsets);
        pass.dispatch_workgroups(x, y, z);
    }
}

fn entry(binding: u32, range: &BufferRange, extent: Option<std::ops::Range<u64>>) -> BindGroupEntry<'_> {
    let extent = match extent {
        // Bindings are whole words long.
        Some(extent) => extent.start..extent.end.min(range.size / 4 * 4),
        None => 0..range.size,
    };
    BindGroupEntry {
        binding,
        resource: range.resource(&extent),
    }
}

impl Gpu {
    /// A grid of at least `total` workgroups in each of `depth` layers, no side longer than the device allows.
    pub(crate) fn grid(&self, total: u64, depth: u64) -> Result<[u32; 3]> {
        let max = self.limits().max_compute_workgroups_per_dimension;
        let [x, y] = fold(total, max)?;
        within("the depth of a grid in workgroups", depth, max.into())?;
        Ok([x, y, depth as u32])
    }
}

/// Whether the device dispatches such a grid.
pub(crate) fn check_grid(gpu: &Gpu, [x, y]: [u32; 2]) -> Result<()> {
    let most = gpu.limits().max_compute_workgroups_per_dimension;
    within("a dispatch in workgroups", x.max(y).into(), most.into())
}

/// A grid of at least `total` workgroups, no side longer than `max`.
fn fold(total: u64, max: u32) -> Result<[u32; 2]> {
    let most = max as u64;
    if total.div_ceil(most) > most {
        within("a dispatch in workgroups", total, most * most)?;
    }
    Ok(folded(total, max))
}

/// The same where the device is known to allow it.
fn folded(total: u64, max: u32) -> [u32; 2] {
    let y = total.div_ceil(max.into()).max(1);
    [total.div_ceil(y).max(1) as u32, y as u32]
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

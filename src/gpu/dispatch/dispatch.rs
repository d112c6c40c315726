//! A pipeline, its bindings and its grids: the one thing that is recorded.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::dispatch::range::{BufferRange, Span};
use crate::reserve::within;
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use wgpu::{BindGroup, BindGroupEntry, BindGroupLayout, ComputePass, ComputePipeline, Device};

/// What a dispatch is made of.
pub(crate) struct Spec {
    pub source: Source,
    pub tuning: Tuning,
    /// What is done to each of a grid's own buffers, in its order.
    pub own: Vec<Binding>,
    /// Bindings of buffers that are given at every recording, in the order in which they are.
    pub given: Vec<Binding>,
    pub grids: Vec<Grid>,
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

pub(crate) struct Dispatch {
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
    own: Vec<u32>,
    given: Vec<u32>,
    grids: Vec<Grid>,
}

impl Dispatch {
    pub async fn new(gpu: &Gpu, spec: Spec) -> Result<Dispatch> {
        let most = gpu.limits().max_storage_buffer_binding_size;
        for grid in &spec.grids {
            for ((_, access), range) in spec.own.iter().zip(&grid.own) {
                if *access != Access::Parameters {
                    within("a buffer of a kernel's own in bytes", range.size, most)?;
                }
            }
        }
        let bindings = [&spec.own[..], &spec.given].concat();
        let layout = gpu.layout(&spec.source.name, &bindings).await?;
        let numbers = |bindings: &[Binding]| bindings.iter().map(|(binding, _)| *binding).collect();
        Ok(Dispatch {
            pipeline: gpu.pipeline(spec.source, &spec.tuning, &layout).await?,
            layout,
            own: numbers(&spec.own),
            given: numbers(&spec.given),
            grids: spec.grids,
        })
    }

    /// Dispatches that one recording makes.
    pub fn count(&self) -> usize {
        self.grids.iter().map(|grid| grid.times).sum()
    }

    /// Bytes that given buffer number `i` must have.
    pub fn needed(&self, i: usize) -> u64 {
        let ends = self.grids.iter().filter_map(|g| Some(g.given.get(i)?.end(g.times)));
        ends.max().unwrap_or(0)
    }

    /// A bind group for each dispatch.
    pub fn groups(&self, device: &Device, given: &[&BufferRange]) -> Vec<BindGroup> {
        let grids = self.grids.iter();
        let dispatches = grids.flat_map(|grid| (0..grid.times).map(move |time| (grid, time)));
        dispatches
            .map(|(grid, time)| {
                let own = self.own.iter().zip(&grid.own);
                let own = own.map(|(binding, range)| entry(*binding, range, None));
                let given = self.given.iter().zip(given).enumerate();
                let given =
                    given.map(|(i, (binding, range))| entry(*binding, range, grid.given.get(i).map(|s| s.at(time))));
                let entries: Vec<_> = own.chain(given).collect();
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("lowbit"),
                    layout: &self.layout,
                    entries: &entries,
                })
            })
            .collect()
    }

    /// Records every dispatch with the next of `groups`: nothing here can fail.
    pub fn record<'a>(&self, pass: &mut ComputePass, groups: &mut impl Iterator<Item = &'a BindGroup>) {
        pass.set_pipeline(&self.pipeline);
        let grids = self.grids.iter();
        let grids = grids.flat_map(|grid| std::iter::repeat_n(grid.workgroups, grid.times));
        for (workgroups, group) in grids.zip(groups) {
            dispatch(pass, workgroups, group);
        }
    }

    /// Records it once with a grid that is known only now, which [`check_grid`] has let pass.
    pub fn record_grid(&self, pass: &mut ComputePass, [x, y]: [u32; 2], group: &BindGroup) {
        pass.set_pipeline(&self.pipeline);
        dispatch(pass, [x, y, 1], group);
    }
}

fn dispatch(pass: &mut ComputePass, [x, y, z]: [u32; 3], group: &BindGroup) {
    pass.set_bind_group(0, group, &[]);
    pass.dispatch_workgroups(x, y, z);
}

fn entry(binding: u32, range: &BufferRange, extent: Option<std::ops::Range<u64>>) -> BindGroupEntry<'_> {
    let resource = range.resource(&extent.unwrap_or(0..range.size));
    BindGroupEntry { binding, resource }
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
    let max = max as u64;
    let y = total.div_ceil(max).max(1);
    if y > max {
        within("a dispatch in workgroups", total, max * max)?;
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

//! A small kernel beside a product: buffers of its own, an input and an output of the caller's.

use super::compose::plain;
use super::device::Gpu;
use super::encode::{fold, part};
use super::errors::scoped;
use super::kept::Kept;
use super::tuning::Tuning;
use crate::Result;
use wgpu::{
    BindGroup, BindGroupEntry, BindGroupLayout, BindGroupLayoutEntry, BindingType, Buffer,
    BufferBindingType, BufferUsages, ComputePass, ComputePipeline, ShaderStages,
};

/// A buffer, an offset and a length in bytes.
pub(super) type Range = (Buffer, u64, u64);

pub(super) struct Step {
    gpu: Gpu,
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
    /// Bindings 0, 1 (the parameters) and from 4 on.
    own: Vec<(u32, Buffer)>,
    grid: [u32; 2],
    kept: Kept<(Range, Range)>,
}

/// What a step is made of.
pub(super) struct Recipe<'a> {
    pub file: (&'static str, &'static str),
    pub consts: Vec<(&'static str, u32)>,
    pub workgroup: u32,
    /// Bytes of workgroup memory.
    pub memory: u32,
    pub workgroups: u64,
    pub params: &'a [u8],
    /// Binding 0, and 4 where there is one.
    pub own: Vec<(u32, Buffer)>,
}

impl Step {
    pub async fn new(gpu: &Gpu, recipe: Recipe<'_>) -> Result<Step> {
        let mut own = recipe.own;
        let usage = BufferUsages::UNIFORM;
        own.push((1, gpu.buffer_of("parameters", recipe.params, usage).await?));
        let entry = |binding: u32, ty| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let storage = |read_only| BufferBindingType::Storage { read_only };
        let mut entries = vec![entry(2, storage(true)), entry(3, storage(false))];
        entries.extend(own.iter().map(|(binding, _)| match binding {
            1 => entry(1, BufferBindingType::Uniform),
            binding => entry(*binding, storage(true)),
        }));
        let layout = gpu
            .device()
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("lowbit"),
                entries: &entries,
            });
        let tuning = Tuning {
            workgroup: recipe.workgroup,
            memory: recipe.memory,
            consts: recipe.consts,
            ..Tuning::default()
        };
        let source = plain(recipe.file, &tuning);
        Ok(Step {
            pipeline: gpu.pipeline(source, &tuning, &layout).await?,
            layout,
            own,
            grid: fold(
                recipe.workgroups,
                gpu.limits().max_compute_workgroups_per_dimension,
            )?,
            kept: Kept::default(),
            gpu: gpu.clone(),
        })
    }

    /// Records it, from `input` (binding 2) to `output` (binding 3).
    pub fn encode(&self, pass: &mut ComputePass, input: Range, output: Range) -> Result<()> {
        let groups = self
            .kept
            .get((input, output), |(input, output)| self.group(input, output))?;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &groups[0], &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
        Ok(())
    }

    fn group(&self, input: &Range, output: &Range) -> Result<Vec<BindGroup>> {
        let device = self.gpu.device();
        let make = || {
            let own = self.own.iter().map(|(binding, buffer)| BindGroupEntry {
                binding: *binding,
                resource: buffer.as_entire_binding(),
            });
            let given =
                [(2, input), (3, output)].map(|(binding, (buffer, at, size))| BindGroupEntry {
                    binding,
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
        pollster::block_on(scoped(device, "binding buffers", make))
    }
}

//! A small kernel beside a product: parameters and buffers of its own, an input and an output of the caller's.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::dispatch::bound::{Bound, Plan, Range, Ready};
use crate::gpu::dispatch::prepared::fold;
use crate::shader::kernels::File;
use wgpu::{Buffer, BufferUsages};

pub(crate) struct Step {
    bound: Bound,
    grid: [u32; 2],
}

/// What a step is made of.
pub(crate) struct Recipe<'a> {
    pub files: &'a [File],
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
        let usage = BufferUsages::UNIFORM;
        let parameters = gpu.buffer_of("parameters", recipe.params, usage).await?;
        let own = recipe.own.into_iter();
        let mut own: Vec<_> = own.map(|(at, b)| (at, Access::Reads, b)).collect();
        own.push((1, Access::Parameters, parameters));
        let plan = Plan {
            files: recipe.files,
            consts: &recipe.consts,
            workgroup: recipe.workgroup,
            memory: recipe.memory,
            own,
            given: &[(2, Access::Reads), (3, Access::Writes)],
        };
        let most = gpu.limits().max_compute_workgroups_per_dimension;
        Ok(Step {
            bound: Bound::new(gpu, plan).await?,
            grid: fold(recipe.workgroups, most)?,
        })
    }

    /// Binds `input` (binding 2) and `output` (binding 3).
    pub fn bind(&self, input: Range, output: Range) -> Result<Ready<'_>> {
        self.bound.bind(&[input, output], self.grid)
    }
}

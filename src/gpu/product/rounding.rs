//! x rounded to bytes, before products of integers.

use crate::family::PART;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::bound::Ready;
use crate::gpu::dispatch::runs::run_length;
use crate::gpu::dispatch::step::{Recipe, Step};
use crate::shader::kernels::text;
use crate::{InputScale, Result};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;
use wgpu::{Buffer, BufferSlice, BufferUsages};

/// Words of a part: 8 of codes, a scale, two of sums, one of nothing.
const PART_WORDS: usize = 12;

const WORKGROUP: u32 = 64;

/// Bytes of a row of `k` floats once it is rounded.
pub(crate) fn row_bytes(k: usize) -> u64 {
    (4 * PART_WORDS * k.div_ceil(PART)) as u64
}

/// `Params` of `shaders/kernels/quantize_rows.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    k: u32,
    rows: u32,
    scale: f32,
    inverse: f32,
    zero_point: i32,
    padding: [u32; 3],
}

/// The kernel that rounds m rows, and where it leaves them.
pub(crate) struct Rounding {
    /// One for each run of rows that fits a binding: the bytes of x that it reads, and those it writes.
    steps: Vec<(Step, Range<u64>, Range<u64>)>,
    rounded: Buffer,
}

impl Rounding {
    pub async fn new(gpu: &Gpu, m: usize, k: usize, by: InputScale) -> Result<Rounding> {
        let (scales, scale, zero_point) = match by {
            InputScale::Run => (0, 1.0, 0),
            InputScale::Token => (1, 1.0, 0),
            InputScale::Static { scale, zero_point } => (2, scale, zero_point),
        };
        let limit = gpu.max_binding();
        let (from, to) = (4 * k as u64, row_bytes(k));
        let run = run_length("64 rows of x", m, from.max(to), limit)?;
        // Tests read it back.
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let rounded = (m as u64).saturating_mul(to);
        let rounded = gpu.buffer("rounded inputs", rounded, usage).await?;
        let mut steps = Vec::new();
        for first in (0..m).step_by(run) {
            let count = run.min(m - first);
            let params = Params {
                k: k as u32,
                rows: count as u32,
                scale,
                inverse: 1.0 / scale,
                zero_point: zero_point.into(),
                padding: [0; 3],
            };
            // Eight lanes have a part.
            let parts = count as u64 * k.div_ceil(PART) as u64;
            let workgroups = match by {
                InputScale::Token => count as u64,
                _ => parts.div_ceil(WORKGROUP as u64 / 8),
            };
            let recipe = Recipe {
                files: &[text!("kernels/quantize_rows.wgsl")],
                consts: vec![("SCALES", scales)],
                workgroup: WORKGROUP,
                memory: 8 * WORKGROUP,
                workgroups,
                params: bytemuck::bytes_of(&params),
                own: vec![],
            };
            let rows = |bytes: u64| first as u64 * bytes..(first + count) as u64 * bytes;
            steps.push((Step::new(gpu, recipe).await?, rows(from), rows(to)));
        }
        Ok(Rounding { steps, rounded })
    }

    /// Where the rows are once what `encode` recorded has run.
    pub fn rounded(&self) -> &Buffer {
        &self.rounded
    }

    /// Binds checked inputs.
    pub fn bind(&self, x: BufferSlice) -> Result<Vec<Ready<'_>>> {
        let steps = self.steps.iter().map(|(step, from, to)| {
            let x = (x.buffer().clone(), x.offset() + from.start, from.end - from.start);
            let rounded = (self.rounded.clone(), to.start, to.end - to.start);
            step.bind(x, rounded)
        });
        steps.collect()
    }
}

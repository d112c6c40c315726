//! x rounded to bytes, before products of integers.

use crate::family::PART;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::dispatch::{Dispatch, Grid};
use crate::gpu::dispatch::range::{BufferRange, Span};
use crate::gpu::dispatch::run_length::run_length;
use crate::gpu::dispatch::small::{IN_AND_OUT, PARAMETERS, Small};
use crate::shader::small::{ROUNDING, RoundingBy, rounding};
use crate::{InputScale, Result};
use bytemuck::{Pod, Zeroable};
use wgpu::{Buffer, BufferUsages};

/// Words of a part: 8 of codes, a scale, two of sums, one of nothing.
const PART_WORDS: usize = 12;

/// Bytes of a row of `k` floats once it is rounded.
pub(crate) fn row_bytes(k: usize) -> u64 {
    (4 * PART_WORDS * k.div_ceil(PART)) as u64
}

/// `Params` of `shaders/kernels/quantize_rows.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RoundingParams {
    k: u32,
    rows: u32,
    scale: f32,
    inverse: f32,
    zero_point: i32,
    padding: [u32; 3],
}

/// The kernel that rounds m rows, and where it leaves them.
pub(crate) struct Rounding {
    /// Given x and `rounded`. A grid for each run of rows that fits a binding.
    pub dispatch: Dispatch,
    pub rounded: Buffer,
}

impl Rounding {
    pub async fn new(gpu: &Gpu, m: usize, k: usize, by: InputScale) -> Result<Rounding> {
        let (scales, scale, zero_point) = match by {
            InputScale::Run => (RoundingBy::Run, 1.0, 0),
            InputScale::Token => (RoundingBy::Row, 1.0, 0),
            InputScale::Static { scale, zero_point } => (RoundingBy::Given, scale, zero_point),
        };
        let (from, to) = (4 * k as u64, row_bytes(k));
        let run = run_length("64 rows of x", m, from.max(to), gpu.max_binding())?;
        let runs: Vec<_> = (0..m).step_by(run).map(|first| (first, run.min(m - first))).collect();
        let params = |(_, count): &(usize, usize)| RoundingParams {
            k: k as u32,
            rows: *count as u32,
            scale,
            inverse: 1.0 / scale,
            zero_point: zero_point.into(),
            padding: [0; 3],
        };
        let params: Vec<_> = runs.iter().map(params).collect();
        let params = gpu.parameters(&params).await?;
        let grid = |((first, count), params): ((usize, usize), BufferRange)| {
            // Eight lanes have a part.
            let parts = count as u64 * k.div_ceil(PART) as u64;
            let workgroups = match by {
                InputScale::Token => count as u64,
                _ => parts.div_ceil(ROUNDING as u64 / 8),
            };
            let rows = |bytes: u64| Span::from(first as u64 * bytes..(first + count) as u64 * bytes);
            Ok(Grid {
                own: vec![params],
                given: vec![rows(from), rows(to)],
                workgroups: gpu.grid(workgroups, 1)?,
                times: 1,
            })
        };
        let small = Small {
            shader: &rounding(scales),
            own: vec![PARAMETERS],
            given: &IN_AND_OUT,
            grids: runs.into_iter().zip(params).map(grid).collect::<Result<_>>()?,
        };
        // Tests read it back.
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let rounded = gpu.buffer("rounded inputs", (m as u64).saturating_mul(to), usage);
        Ok(Rounding {
            rounded: rounded.await?,
            dispatch: small.dispatch(gpu).await?,
        })
    }
}

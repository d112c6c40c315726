//! x rounded to bytes, before products of integers.

use crate::family::PART;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::dispatch::{Dispatch, EachM, Grid};
use crate::gpu::dispatch::job::Work;
use crate::gpu::dispatch::range::{BufferRange, Span};
use crate::gpu::dispatch::run_length::run_length;
use crate::gpu::dispatch::small::{IN_AND_OUT, PARAMETERS, Small};
use crate::shader::small::{ROUNDING, RoundingBy, rounding};
use crate::{InputScale, Result};
use bytemuck::{Pod, Zeroable};
use std::sync::Arc;
use wgpu::Buffer;

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
#[derive(Clone)]
pub(crate) struct Rounding {
    /// Given x and `rounded`. A grid for each run of rows that fits a binding; it serves any number of rows up to m.
    pub dispatch: Arc<Dispatch>,
    pub rounded: Arc<Buffer>,
    k: usize,
    by: InputScale,
}

impl Rounding {
    /// `each_m`: whether it is to serve fewer rows than m, too.
    pub async fn new(gpu: &Gpu, m: usize, k: usize, by: InputScale, each_m: bool) -> Result<Rounding> {
        let (scales, scale, zero_point) = match by {
            InputScale::Run => (RoundingBy::Run, 1.0, 0),
            InputScale::Token => (RoundingBy::Row, 1.0, 0),
            InputScale::Static { scale, zero_point } => (RoundingBy::Given, scale, zero_point),
        };
        let (from, to) = (4 * k as u64, row_bytes(k));
        let run = run_length("64 rows of x", m, from.max(to), gpu.max_binding())?;
        let params = |rows: usize| RoundingParams {
            k: k as u32,
            rows: rows as u32,
            scale,
            inverse: 1.0 / scale,
            zero_point: zero_point.into(),
            padding: [0; 3],
        };
        let work = match by {
            InputScale::Token => Work::items(1, 1),
            // Eight lanes have a part.
            _ => Work::items(k.div_ceil(PART) as u64, ROUNDING as u64 / 8),
        };
        let (each_m, own) = match each_m {
            true => {
                let table = gpu.parameter_table(run, params).await?;
                (Some(EachM::new(gpu, run, vec![work], 1)), vec![table; m.div_ceil(run)])
            }
            false => {
                let counts = (0..m).step_by(run).map(|first| run.min(m - first));
                let params: Vec<_> = counts.map(params).collect();
                (None, gpu.parameters(&params).await?)
            }
        };
        let grid = |(first, params): (usize, BufferRange)| {
            let count = run.min(m - first);
            let rows = |bytes: u64| Span::rows(first, count, bytes, run);
            Ok(Grid {
                own: vec![params],
                given: vec![rows(from), rows(to)],
                workgroups: gpu.grid(work.workgroups(count), 1)?,
                times: 1,
            })
        };
        let small = Small {
            shader: &rounding(scales),
            own: vec![PARAMETERS],
            given: &IN_AND_OUT,
            grids: (0..m).step_by(run).zip(own).map(grid).collect::<Result<_>>()?,
        };
        Ok(Rounding {
            rounded: gpu.scratch("rounded inputs", (m as u64).saturating_mul(to)).await?,
            dispatch: Arc::new(small.dispatch(gpu).await?.with_each_m(each_m)),
            k,
            by,
        })
    }

    /// Whether it leaves the same of one x, at the same place.
    pub fn is_same(&self, other: &Rounding) -> bool {
        Arc::ptr_eq(&self.rounded, &other.rounded) && (self.k, self.by) == (other.k, other.by)
    }
}

//! Decoding on the device: some rows (an embedding look-up), or all of them.

use crate::family::PART;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::job::{Job, Work, runs};
use crate::gpu::dispatch::range::Span;
use crate::gpu::dispatch::run_length::run_length;
use crate::gpu::dispatch::sequence::{Arg, Sequence};
use crate::reserve::within;
use crate::shader::bindings;
use crate::shader::compose::compose;
use crate::shader::kernels;
use crate::shader::tuning::INTERLEAVE;
use crate::{Error, Result};
use wgpu::{BufferSlice, ComputePass};

/// A compiled embedding look-up of a fixed number of rows: `y[i, :] = w[ids[i], :]`. The GPU cannot report an index out of
/// range: its row becomes NaN.
pub struct GetRows {
    sequence: Sequence,
    weights: Weights,
    count: usize,
}

impl GetRows {
    /// Compiles a look-up of `count` rows.
    ///
    /// # Errors
    /// [`Error::OtherDevice`], [`Error::Length`] where `count` is 0, [`Error::TooLarge`] where 64
    /// rows of floats are larger than a binding may be, or all of them than a buffer, [`Error::Shader`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &Weights, count: usize) -> Result<GetRows> {
        pollster::block_on(GetRows::new_async(gpu, weights, count))
    }

    /// The async form of [`new`](Self::new).
    pub async fn new_async(gpu: &Gpu, weights: &Weights, count: usize) -> Result<GetRows> {
        if !gpu.is(weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        if count == 0 {
            return Err(Error::Length {
                what: "ids",
                shape: format!("[count, {}]", weights.k()),
                unit: "row at least",
                expected: 1,
                got: count,
            });
        }
        let row = 4 * weights.k() as u64;
        let bytes = (count as u64).saturating_mul(row);
        within("rows of floats in bytes", bytes, gpu.limits().max_buffer_size)?;
        let kernel = kernels::by_name("get_rows").expect("in the table");
        let tuning = (kernel.tuning)(gpu.traits(), count);
        let run = run_length("64 rows of floats", count, row, gpu.max_binding())?;
        let mut jobs = Vec::new();
        for (first, m, times) in runs(count, run) {
            let items = |bytes: u64| Span::rows(first, m, bytes, run);
            jobs.extend((0..weights.slabs().len()).map(|slab| Job {
                slab,
                times,
                m,
                given: vec![items(4), items(row)],
                work: Work::fixed(workgroups(m, weights.k(), tuning.workgroup)),
                ..Job::default()
            }));
        }
        let source = compose(weights.format(), kernel, &tuning, weights.k());
        let given = vec![(bindings::INPUT, Access::Reads), (bindings::OUTPUT, Access::Writes)];
        let compiled = weights.compile(source, &tuning, given).await?;
        let dispatch = weights.dispatch(compiled, jobs).await?;
        Ok(GetRows {
            sequence: Sequence::one(gpu, &[Arg::read("ids"), Arg::written("y")], dispatch),
            weights: weights.clone(),
            count,
        })
    }

    /// Rows that one recording looks up.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Records the look-up into the caller's pass: `ids` holds `count` u32, `y` receives `count` rows of k f32. Requirements and errors are those of [`MatMul::encode`](crate::MatMul::encode).
    pub fn encode(&self, pass: &mut ComputePass, ids: BufferSlice, y: BufferSlice) -> Result<()> {
        self.sequence.encode(pass, &[ids, y])
    }
}

impl std::fmt::Debug for GetRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let w = &self.weights;
        let (format, n, k, count) = (w.format(), w.n(), w.k(), self.count);
        write!(f, "GetRows({count} of {format} [{n}, {k}])")
    }
}

/// One invocation for each part of each row, rows in eights.
fn workgroups(rows: usize, k: usize, workgroup: u32) -> u64 {
    let invocations = rows.next_multiple_of(INTERLEAVE) as u64 * k.div_ceil(PART) as u64;
    invocations.div_ceil(workgroup as u64)
}

impl Gpu {
    /// Rows `ids` of a packed matrix, as floats.
    ///
    /// # Errors
    /// [`Error::Row`] where an index is past the last row, and those of [`GetRows::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn get_rows(&self, ids: &[u32], weights: &Weights) -> Result<Vec<f32>> {
        pollster::block_on(self.get_rows_async(ids, weights))
    }

    /// The async form of [`get_rows`](Self::get_rows).
    pub async fn get_rows_async(&self, ids: &[u32], weights: &Weights) -> Result<Vec<f32>> {
        let n = weights.n();
        if let Some(&row) = ids.iter().find(|&&id| id as usize >= n) {
            let row = row.into();
            return Err(Error::Row { row, n });
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let look_up = GetRows::new_async(self, weights, ids.len()).await?;
        let bytes = 4 * ids.len() as u64 * weights.k() as u64;
        let ids = ("ids", bytemuck::cast_slice(ids));
        self.run_on(ids, bytes, |pass, ids, y| look_up.encode(pass, ids, y))
            .await
    }

    /// All weights as floats, n rows of k, decoded on the device: bit for bit what
    /// [`Matrix::dequantize`](crate::Matrix::dequantize) gives.
    ///
    /// # Errors
    /// [`Error::OtherDevice`], [`Error::TooLarge`], [`Error::Shader`], [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn dequantize(&self, weights: &Weights) -> Result<Vec<f32>> {
        pollster::block_on(self.dequantize_async(weights))
    }

    /// The async form of [`dequantize`](Self::dequantize).
    pub async fn dequantize_async(&self, weights: &Weights) -> Result<Vec<f32>> {
        if !self.is(weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        let kernel = kernels::by_name("dequantize").expect("in the table");
        let tuning = (kernel.tuning)(self.traits(), 1);
        let row = 4 * weights.k() as u64;
        // Floats take several times the space of packed weights: they come back in runs of rows.
        let limit = self.max_binding().min(64 << 20);
        let run = (limit / row).max(1) as usize;
        run_length("a row of floats", 1, row, self.max_binding())?;
        let source = compose(weights.format(), kernel, &tuning, weights.k());
        let output = vec![(bindings::OUTPUT, Access::Writes)];
        let compiled = weights.compile(source, &tuning, output).await?;
        let mut out = Vec::with_capacity(weights.n() * weights.k());
        for (slab, s) in weights.slabs().iter().enumerate() {
            for first in (0..s.rows).step_by(run) {
                let m = run.min(s.rows - first);
                let bytes = m as u64 * row;
                let job = Job {
                    slab,
                    m,
                    from_row: s.first_row + first,
                    given: vec![(0..bytes).into()],
                    work: Work::fixed(workgroups(m, weights.k(), tuning.workgroup)),
                    ..Job::default()
                };
                let dispatch = weights.dispatch(compiled.clone(), vec![job]).await?;
                let sequence = Sequence::one(self, &[Arg::written("y")], dispatch);
                let floats = self.run::<f32>(bytes, |pass, y| sequence.encode(pass, &[y]));
                out.extend_from_slice(&floats.await?);
            }
        }
        Ok(out)
    }
}

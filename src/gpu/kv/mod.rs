//! A packed cache of keys or values in device memory.
//!
//! How many vectors it has is counted twice: by this object as it records, for sizes, and by the device as it
//! runs, for places. No parameter is then written between recordings, so any number of them fit one pass.

pub(crate) mod attention;
mod kernels;

use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::range::{BufferRange, check_binding};
use crate::kv::{CHUNK, KvCodec, WORKGROUP};
use crate::reserve::within;
use crate::{Error, Result};
use kernels::{Append, Kernels};
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};

/// The largest d: three vectors of so many floats fit the 16 KiB of workgroup memory that every device has.
const LARGEST: usize = 1024;

/// Packed vectors of d numbers in device memory: [`Kv`](crate::kv::Kv) as kernels. Rows are packed as they are
/// appended, and decoded inside the kernels that multiply and sum them. Every method records into a pass of the
/// caller's and submits nothing; what is recorded must run in the order in which it was recorded.
pub struct GpuKv {
    gpu: Gpu,
    codec: KvCodec,
    capacity: usize,
    queries: usize,
    len: usize,
    cache: Buffer,
    /// Queries as `scores` reads them.
    prepared: Buffer,
    /// Sums of runs.
    partial: Buffer,
    kernels: Kernels,
}

impl GpuKv {
    /// An empty cache with room for `capacity` vectors, and for `queries` rows of queries or weights in one call.
    ///
    /// # Errors
    /// [`Error::Argument`] where d is no multiple of 4 or over 1024, `capacity` or `queries` is 0 or too large to
    /// be dispatched, or a KIVI cache is to be rotated; [`Error::TooLarge`] where the cache or its sums
    /// exceed a binding; [`Error::Shader`], [`Error::OutOfMemory`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, codec: &KvCodec, capacity: usize, queries: usize) -> Result<GpuKv> {
        pollster::block_on(GpuKv::new_async(gpu, codec, capacity, queries))
    }

    /// The async form of [`new`](Self::new).
    pub async fn new_async(gpu: &Gpu, codec: &KvCodec, capacity: usize, queries: usize) -> Result<GpuKv> {
        let (d, width) = (codec.d(), codec.width());
        if codec.row_words().is_none() && codec.rotation().is_some() {
            return Err(Error::argument(
                "the rotation of a KIVI cache on the device",
                "none",
                format!("{:?}", codec.options().rotation),
            ));
        }
        let most = gpu.limits().max_compute_workgroups_per_dimension as usize;
        let in_range = |what, got: usize, most: usize, every: usize| match got {
            _ if (1..=most).contains(&got) && got.is_multiple_of(every) => Ok(()),
            _ => Err(Error::Argument {
                what,
                allowed: match every {
                    1 => format!("1 to {most}"),
                    _ => format!("a multiple of {every}, at most {most}"),
                },
                got: got.to_string(),
            }),
        };
        in_range("d of a cache on the device", d, LARGEST, 4)?;
        let tokens = most.saturating_mul(CHUNK as usize).min(u32::MAX as usize);
        in_range("the capacity of a cache", capacity, tokens, 1)?;
        in_range("the queries of a cache", queries, most, 1)?;

        let runs = capacity.div_ceil(CHUNK as usize);
        let cache_bytes = 4 * codec.device_words(capacity) as u64;
        let query_bytes = 4 * (queries * width) as u64;
        let sum_bytes = 4 * ((queries * width) as u64).saturating_mul(runs as u64);
        for (what, needed) in [
            ("a cache in bytes", cache_bytes),
            ("the sums of a cache in bytes", sum_bytes),
        ] {
            within(what, needed, gpu.max_binding())?;
        }

        let usage = BufferUsages::STORAGE;
        let cache = gpu.buffer("cache", cache_bytes, usage | BufferUsages::COPY_SRC);
        let cache = cache.await?;
        let state = [0, capacity as u32];
        let state = gpu.buffer_of("state", bytemuck::cast_slice(&state), usage).await?;
        Ok(GpuKv {
            kernels: Kernels::new(gpu, codec, &cache, &state).await?,
            prepared: gpu.buffer("prepared queries", query_bytes, usage).await?,
            partial: gpu.buffer("sums", sum_bytes, usage).await?,
            gpu: gpu.clone(),
            codec: codec.clone(),
            capacity,
            queries,
            len: 0,
            cache,
        })
    }

    /// What its vectors are packed by.
    pub fn codec(&self) -> &KvCodec {
        &self.codec
    }

    /// Vectors in it, once what was recorded has run.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Vectors that it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The packed vectors, as [`Kv::words`](crate::kv::Kv::words) has them (KIVI: as `shaders/kv/kivi.wgsl` says);
    /// to be copied from.
    pub fn buffer(&self) -> &Buffer {
        &self.cache
    }

    /// Words of a packed vector; none for KIVI, which packs vectors together.
    pub fn row_words(&self) -> Option<usize> {
        self.codec.row_words()
    }

    /// Records that the first `rows` rows of d floats of `x` are packed behind those that are there. The device
    /// cannot report what [`Kv::append`](crate::kv::Kv::append) refuses: a row that is not finite, or too large for
    /// the type, decodes to numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where there is no room for them, and those of
    /// [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn append(&mut self, pass: &mut ComputePass, x: BufferSlice, rows: usize) -> Result<()> {
        let needed = (self.len as u64).saturating_add(rows as u64);
        within("the vectors of a cache", needed, self.capacity as u64)?;
        if rows == 0 {
            return Ok(());
        }
        let x = self.range("x", x, 4 * (rows * self.codec.d()) as u64)?;
        let grid = [rows as u32, 1];
        let kernels = &self.kernels;
        // All is bound before the first dispatch is recorded.
        let (pack, append) = match &kernels.append {
            Append::Rows(kernel) => (None, kernel.bind([&x], grid)?),
            Append::Window { pack, store } => {
                let groups = self.codec.packed_together(self.len, rows).unwrap_or(0);
                let pack = (groups > 0).then(|| pack.bind([&x], [groups as u32, 1]));
                (pack.transpose()?, store.bind([&x], grid)?)
            }
        };
        let advance = kernels.advance.bind([], grid)?;
        for step in pack.iter().chain([&append, &advance]) {
            step.record(pass);
        }
        self.len += rows;
        Ok(())
    }

    /// Records that all vectors are forgotten.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::DeviceLost`].
    pub fn clear(&mut self, pass: &mut ComputePass) -> Result<()> {
        self.kernels.clear.bind([], [1, 1])?.record(pass);
        self.len = 0;
        Ok(())
    }

    /// Records ⟨q, x_t⟩ of the first `m` rows of d floats of `q` and every vector: `y` takes m rows of `len` floats.
    /// Calls share the memory of prepared queries.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where m is more than the `queries` it was made for, and those of
    /// [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn scores(&self, pass: &mut ComputePass, q: BufferSlice, m: usize, y: BufferSlice) -> Result<()> {
        self.check_queries(m)?;
        if m == 0 || self.len == 0 {
            return Ok(());
        }
        if q.buffer() == y.buffer() {
            return Err(Error::Aliased("q", "y"));
        }
        let q = self.range("q", q, 4 * (m * self.codec.d()) as u64)?;
        let y = self.range("y", y, 4 * m as u64 * self.len as u64)?;
        let (query, prepared) = match &self.kernels.query {
            None => (None, q),
            Some(kernel) => {
                let prepared = BufferRange::whole(&self.prepared);
                let query = kernel.bind([&q, &prepared], [m as u32, 1])?;
                (Some(query), prepared)
            }
        };
        let grid = [self.len.div_ceil(WORKGROUP as usize) as u32, m as u32];
        let scores = self.kernels.scores.bind([&prepared, &y], grid)?;
        for step in query.iter().chain([&scores]) {
            step.record(pass);
        }
        Ok(())
    }

    /// Records Σ_t p_t x_t of the first `m` rows of `len` floats of `p`: `y` takes m rows of d floats. Calls share
    /// the memory of partial sums.
    ///
    /// # Errors
    /// [`Error::Argument`] where nothing is cached, [`Error::TooLarge`] where m is more than the `queries` it was
    /// made for, and those of [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn weighted_sum(&self, pass: &mut ComputePass, p: BufferSlice, m: usize, y: BufferSlice) -> Result<()> {
        self.check_queries(m)?;
        if self.len == 0 {
            return Err(Error::argument(
                "the vectors of a cache to be summed",
                "at least 1",
                self.len,
            ));
        }
        if m == 0 {
            return Ok(());
        }
        if p.buffer() == y.buffer() {
            return Err(Error::Aliased("p", "y"));
        }
        let p = self.range("p", p, 4 * m as u64 * self.len as u64)?;
        let y = self.range("y", y, 4 * (m * self.codec.d()) as u64)?;
        let partial = BufferRange::whole(&self.partial);
        let grid = [self.len.div_ceil(CHUNK as usize) as u32, m as u32];
        let sums = self.kernels.sums.bind([&p, &partial], grid)?;
        let finish = self.kernels.finish.bind([&partial, &y], [m as u32, 1])?;
        sums.record(pass);
        finish.record(pass);
        Ok(())
    }

    fn check_queries(&self, m: usize) -> Result<()> {
        within("the queries of a cache", m as u64, self.queries as u64)
    }

    /// The slice if it holds so many bytes. All of it is bound, so that a cache that grows goes on using the same
    /// bind groups.
    fn range(&self, what: &'static str, slice: BufferSlice, bytes: u64) -> Result<BufferRange> {
        check_binding(&self.gpu, what, slice, bytes)?;
        let most = self.gpu.max_binding();
        within("rows of a cache's inputs or outputs in bytes", bytes, most)?;
        let size = (slice.size() / 4 * 4).min(most);
        Ok(BufferRange::part(slice.buffer(), slice.offset(), size))
    }
}

impl std::fmt::Debug for GpuKv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (options, len, capacity) = (self.codec.options(), self.len, self.capacity);
        write!(f, "GpuKv({options:?}, {len} of {capacity})")
    }
}

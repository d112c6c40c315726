//! A packed cache of keys or values in device memory.
//!
//! How many vectors it has is counted twice: by this object as it records, for sizes, and by the device as it
//! runs, for places. No parameter is then written between recordings, so any number of them fit one pass.

use super::bound::{Access, Bound, Plan};
use super::device::Gpu;
use super::encode::check_binding;
use super::kernels::{text, File};
use super::step::Range;
use crate::kv::{KvCodec, Shader};
use crate::rotate::Form;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};
use Access::{Reads, Writes};

const WORKGROUP: u32 = 64;

/// Vectors that are summed by one workgroup.
const RUN: u32 = 64;

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
    row_words: usize,
    width: usize,
    cache: Buffer,
    /// Rows of prepared queries, and the kernel that makes them; none where queries are taken as they are.
    query: Option<(Bound, Buffer)>,
    partial: Buffer,
    append: Bound,
    advance: Bound,
    clear: Bound,
    scores: Bound,
    sums: Bound,
    finish: Bound,
}

impl GpuKv {
    /// An empty cache with room for `capacity` vectors, and for `queries` rows of queries or weights in one call.
    ///
    /// # Errors
    /// [`Error::Argument`] for KIVI, which is on the processor only, where d is no multiple of 4 or over 1024, or
    /// `capacity` or `queries` is 0 or too large to be dispatched; [`Error::TooLarge`] where the cache or its sums
    /// exceed a binding; [`Error::Shader`], [`Error::OutOfMemory`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, codec: &KvCodec, capacity: usize, queries: usize) -> Result<GpuKv> {
        pollster::block_on(GpuKv::prepare(gpu, codec, capacity, queries))
    }

    /// As `new`, for callers that must not block.
    pub async fn prepare(
        gpu: &Gpu,
        codec: &KvCodec,
        capacity: usize,
        queries: usize,
    ) -> Result<GpuKv> {
        let d = codec.d();
        let Some((row_words, width, shader)) = codec.rows() else {
            return Err(Error::Argument {
                what: "the type of a cache on the device",
                allowed: "one that packs vectors one by one".into(),
                got: format!("{:?}", codec.options().kind),
            });
        };
        let most = gpu.limits().max_compute_workgroups_per_dimension as usize;
        let within = |what, got: usize, most: usize, every: usize| match got {
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
        within("d of a cache on the device", d, LARGEST, 4)?;
        let tokens = most.saturating_mul(RUN as usize).min(u32::MAX as usize);
        within("the capacity of a cache", capacity, tokens, 1)?;
        within("the queries of a cache", queries, most, 1)?;

        let runs = capacity.div_ceil(RUN as usize);
        let cache_bytes = 4 * (capacity as u64).saturating_mul(row_words as u64);
        let sum_bytes = 4 * ((queries * width) as u64).saturating_mul(runs as u64);
        for (what, needed) in [
            ("a cache in bytes", cache_bytes),
            ("the sums of a cache in bytes", sum_bytes),
        ] {
            let limit = gpu.max_binding();
            if needed > limit {
                return Err(Error::TooLarge {
                    what,
                    needed,
                    limit,
                });
            }
        }

        let usage = BufferUsages::STORAGE;
        let cache = gpu.buffer("cache", cache_bytes, usage | BufferUsages::COPY_SRC);
        let cache = cache.await?;
        let state = gpu.buffer_of("state", &[0; 4], usage).await?;
        let tables = Tables::new(gpu, codec, &shader).await?;
        let d_const = [("D", d as u32)];
        let rotates = rotation_consts(codec, width);
        let forward = [&d_const[..], &rotates, &[("INVERSE", 0)]].concat();
        let inverse = [&d_const[..], &rotates, &[("INVERSE", 1)]].concat();
        let packs = [&[("ROW_WORDS", row_words as u32)], &shader.consts[..]].concat();
        let append = [&forward[..], &packs].concat();
        let reads = [("WIDTH", width as u32), ("RUN", RUN)];
        let reads = [&d_const[..], &reads, &packs].concat();
        const ROTATE: File = text!("kv/rotate.wgsl");
        let with = |parts: &[&[File]]| parts.concat();
        let plan = |files, consts, own, given| Plan {
            files,
            consts,
            workgroup: WORKGROUP,
            // At most three vectors, and two numbers for each lane.
            memory: 4 * (3 * d as u32 + 2 * WORKGROUP),
            own,
            given,
        };
        let counted = |access| (1, access, state.clone());
        let own = |binding, buffer: &Buffer| (binding, Reads, buffer.clone());

        let files = with(&[&[ROTATE], shader.encode, &[text!("kv/append.wgsl")]]);
        let mut buffers = vec![
            (0, Writes, cache.clone()),
            counted(Reads),
            own(6, &tables.rotation),
        ];
        buffers.extend(tables.codebook.iter().map(|b| own(4, b)));
        buffers.extend(tables.projection.iter().map(|(forward, _)| own(5, forward)));
        let append = Bound::new(gpu, plan(&files, &append, buffers, &[(2, Reads)])).await?;

        let advance = [text!("kv/advance.wgsl")];
        let counter = |clears: u32| [("CLEARS", clears)];
        let (counts, clears) = (counter(0), counter(1));
        let counts = plan(&advance, &counts, vec![counted(Writes)], &[]);
        let clears = plan(&advance, &clears, vec![counted(Writes)], &[]);

        let in_and_out = [(2, Reads), (3, Writes)];
        let any = tables.projection.as_ref();
        let query = [ROTATE, text!("kv/query.wgsl")];
        let query = match codec.rotation().is_some() || any.is_some() {
            false => None,
            true => {
                let projection = any.map_or(&tables.rotation, |(forward, _)| forward);
                let buffers = vec![own(5, projection), own(6, &tables.rotation)];
                let kernel = Bound::new(gpu, plan(&query, &forward, buffers, &in_and_out));
                let bytes = 4 * (queries * width) as u64;
                let prepared = gpu.buffer("prepared queries", bytes, usage);
                Some((kernel.await?, prepared.await?))
            }
        };

        let mut buffers = vec![own(0, &cache), counted(Reads)];
        buffers.extend(tables.codebook.iter().map(|b| own(4, b)));
        let files = with(&[shader.levels, &[text!("kv/scores.wgsl")]]);
        let scores = plan(&files, &reads, buffers.clone(), &in_and_out);
        let scores = Bound::new(gpu, scores).await?;
        let files = with(&[shader.levels, &[text!("kv/sums.wgsl")]]);
        let sums = Bound::new(gpu, plan(&files, &reads, buffers, &in_and_out)).await?;

        let files = [ROTATE, text!("kv/finish.wgsl")];
        let projection = any.map_or(&tables.back, |(_, back)| back);
        let buffers = vec![counted(Reads), own(5, projection), own(6, &tables.back)];
        let finish = plan(&files, &inverse, buffers, &in_and_out);
        Ok(GpuKv {
            gpu: gpu.clone(),
            codec: codec.clone(),
            capacity,
            queries,
            len: 0,
            row_words,
            width,
            cache,
            query,
            partial: gpu.buffer("sums", sum_bytes, usage).await?,
            append,
            advance: Bound::new(gpu, counts).await?,
            clear: Bound::new(gpu, clears).await?,
            scores,
            sums,
            finish: Bound::new(gpu, finish).await?,
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

    /// The packed vectors, [`row_words`](GpuKv::row_words) words each, as [`Kv::words`](crate::kv::Kv::words) has
    /// them; to be copied from.
    pub fn buffer(&self) -> &Buffer {
        &self.cache
    }

    /// Words of a packed vector.
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// Records that the first `rows` rows of d floats of `x` are packed behind those that are there. The device
    /// cannot report what [`Kv::append`](crate::kv::Kv::append) refuses: a row that is not finite, or too large for
    /// the type, decodes to numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where there is no room for them, and those of
    /// [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn append(&mut self, pass: &mut ComputePass, x: BufferSlice, rows: usize) -> Result<()> {
        if rows > self.capacity - self.len {
            return Err(Error::TooLarge {
                what: "the vectors of a cache",
                needed: (self.len as u64).saturating_add(rows as u64),
                limit: self.capacity as u64,
            });
        }
        if rows == 0 {
            return Ok(());
        }
        let x = self.range("x", x, 4 * (rows * self.codec.d()) as u64)?;
        let grid = [rows as u32, 1];
        self.append.encode(pass, &[x], grid)?;
        self.advance.encode(pass, &[], grid)?;
        self.len += rows;
        Ok(())
    }

    /// Records that all vectors are forgotten.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::DeviceLost`].
    pub fn clear(&mut self, pass: &mut ComputePass) -> Result<()> {
        self.clear.encode(pass, &[], [1, 1])?;
        self.len = 0;
        Ok(())
    }

    /// Records ⟨q, x_t⟩ of the first `m` rows of d floats of `q` and every vector: `y` takes m rows of `len` floats.
    /// Calls share the memory of prepared queries.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where m is more than the `queries` it was made for, and those of
    /// [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn scores(
        &self,
        pass: &mut ComputePass,
        q: BufferSlice,
        m: usize,
        y: BufferSlice,
    ) -> Result<()> {
        self.check_queries(m)?;
        if m == 0 || self.len == 0 {
            return Ok(());
        }
        if q.buffer() == y.buffer() {
            return Err(Error::Aliased("q", "y"));
        }
        let q = self.range("q", q, 4 * (m * self.codec.d()) as u64)?;
        let y = self.range("y", y, 4 * m as u64 * self.len as u64)?;
        let prepared = match &self.query {
            None => q,
            Some((kernel, buffer)) => {
                let prepared = (buffer.clone(), 0, 4 * (m * self.width) as u64);
                kernel.encode(pass, &[q, prepared.clone()], [m as u32, 1])?;
                prepared
            }
        };
        let grid = [self.len.div_ceil(WORKGROUP as usize) as u32, m as u32];
        self.scores.encode(pass, &[prepared, y], grid)
    }

    /// Records Σ_t p_t x_t of the first `m` rows of `len` floats of `p`: `y` takes m rows of d floats. Calls share
    /// the memory of partial sums.
    ///
    /// # Errors
    /// [`Error::Argument`] where nothing is cached, [`Error::TooLarge`] where m is more than the `queries` it was
    /// made for, and those of [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn weighted_sum(
        &self,
        pass: &mut ComputePass,
        p: BufferSlice,
        m: usize,
        y: BufferSlice,
    ) -> Result<()> {
        self.check_queries(m)?;
        if self.len == 0 {
            return Err(Error::Argument {
                what: "the vectors of a cache to be summed",
                allowed: "at least 1".into(),
                got: self.len.to_string(),
            });
        }
        if m == 0 {
            return Ok(());
        }
        if p.buffer() == y.buffer() {
            return Err(Error::Aliased("p", "y"));
        }
        let p = self.range("p", p, 4 * m as u64 * self.len as u64)?;
        let y = self.range("y", y, 4 * (m * self.codec.d()) as u64)?;
        let partial = (self.partial.clone(), 0, self.partial.size());
        let grid = [self.len.div_ceil(RUN as usize) as u32, m as u32];
        self.sums.encode(pass, &[p, partial.clone()], grid)?;
        self.finish.encode(pass, &[partial, y], [m as u32, 1])
    }

    fn check_queries(&self, m: usize) -> Result<()> {
        match m <= self.queries {
            true => Ok(()),
            false => Err(Error::TooLarge {
                what: "the queries of a cache",
                needed: m as u64,
                limit: self.queries as u64,
            }),
        }
    }

    fn range(&self, what: &'static str, slice: BufferSlice, bytes: u64) -> Result<Range> {
        check_binding(&self.gpu, what, slice, bytes)?;
        Ok((slice.buffer().clone(), slice.offset(), bytes))
    }
}

impl std::fmt::Debug for GpuKv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (options, len, capacity) = (self.codec.options(), self.len, self.capacity);
        write!(f, "GpuKv({options:?}, {len} of {capacity})")
    }
}

/// What kernels read besides vectors.
struct Tables {
    codebook: Option<Buffer>,
    /// Π and Πᵀ; a word of nothing where there is no rotation.
    rotation: Buffer,
    back: Buffer,
    /// S, column by column and row by row.
    projection: Option<(Buffer, Buffer)>,
}

impl Tables {
    async fn new(gpu: &Gpu, codec: &KvCodec, shader: &Shader) -> Result<Tables> {
        let d = codec.d();
        let (rotation, back) = match codec.rotation().map(|r| r.form()) {
            None => (vec![0.0], vec![0.0]),
            Some(Form::Dense(entries)) => {
                let entries: Vec<f32> = entries.iter().map(|q| *q as f32).collect();
                (transposed(&entries, d), entries)
            }
            Some(Form::Hadamard(hadamard, signs)) => {
                let (m, base) = hadamard.base();
                let base: Vec<f32> = base.iter().map(|h| f32::from(*h)).collect();
                let with_signs = |base: &[f32]| [signs, base].concat();
                (with_signs(&transposed(&base, m)), with_signs(&base))
            }
        };
        let projection = match &shader.projection[..] {
            [] => None,
            s => Some((table(gpu, &transposed(s, d)).await?, table(gpu, s).await?)),
        };
        let codebook = match shader.codebook.as_flattened() {
            [] => None,
            pairs => Some(table(gpu, pairs).await?),
        };
        Ok(Tables {
            codebook,
            rotation: table(gpu, &rotation).await?,
            back: table(gpu, &back).await?,
            projection,
        })
    }
}

async fn table(gpu: &Gpu, floats: &[f32]) -> Result<Buffer> {
    let bytes = bytemuck::cast_slice(floats);
    gpu.buffer_of("table", bytes, BufferUsages::STORAGE).await
}

/// The transpose of n rows of n.
fn transposed(matrix: &[f32], n: usize) -> Vec<f32> {
    let entry = |i: usize| matrix[i % n * n + i / n];
    (0..n * n).map(entry).collect()
}

/// What kernels that rotate know, besides whether it is the inverse.
fn rotation_consts(codec: &KvCodec, width: usize) -> Vec<(&'static str, u32)> {
    let (kind, m) = match codec.rotation().map(|r| r.form()) {
        None => (0, 1),
        Some(Form::Hadamard(hadamard, _)) => (1, hadamard.base().0 as u32),
        Some(Form::Dense(_)) => (2, 1),
    };
    let d = codec.d();
    let norm = (1.0 / (d as f64).sqrt()) as f32;
    vec![
        ("WIDTH", width as u32),
        ("RUN", RUN),
        ("ROTATION", kind),
        ("M", m),
        ("NORM", norm.to_bits()),
        ("PROJECTS", u32::from(width > d)),
    ]
}

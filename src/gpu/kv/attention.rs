//! Attention over packed caches in device memory.

use super::kernels::Tables;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::dispatch::range::{BufferRange, check_binding};
use crate::gpu::dispatch::small_kernel::{Own, SmallKernel};
use crate::kv::{
    Attending, AttentionOptions, AttentionShaders, KvCodec, Placing, Rope, Taken, VALUE_BINDINGS, check_sinks,
};
use crate::reserve::within;
use crate::shader::small::SmallShader;
use crate::shader::traits::DeviceClass;
use crate::{Error, Result};
use Access::{Reads, Writes};
use std::sync::Arc;
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};

/// Rows from which on keys are decoded for several of them at once.
const MANY: usize = 16;

/// Workgroups that keep a card busy, and tokens below which a workgroup of its own does not pay. Untuned: no card was at
/// hand.
const BUSY: usize = 256;
const FEW_TOKENS: usize = 256;

/// Packed keys and values of one layer in device memory, and attention over them:
/// [`Attention`](crate::kv::Attention) as kernels. Every method records into a pass of the caller's and submits nothing.
///
/// Where a token lies is said by its place, sequence · capacity + position, in a buffer of the caller's: `places`, a u32
/// for each row. A row attends to its own place and those before it in its sequence. All layers of a model take the same
/// buffer. A place past the last is taken for the last.
///
/// ```no_run
/// # use lowbit::kv::{AttentionOptions, GpuAttention, KvType, Rope, RopeScaling};
/// # use lowbit::{wgpu, Gpu, Result};
/// # fn f(gpu: &Gpu, pass: &mut wgpu::ComputePass, qkv: &wgpu::Buffer, places: &wgpu::Buffer, y: &wgpu::Buffer)
/// #   -> Result<()> {
/// let options = AttentionOptions::new(9, 3, 64, KvType::Q8_0, 2048);
/// let rope = gpu.upload_rope(&Rope::new(64, 10_000.0, RopeScaling::None, false, 2048)?)?;
/// // Up to 128 tokens at once.
/// let layer = GpuAttention::builder(gpu, options, 128).rope(&rope).build()?;
/// // One token: its queries, keys and values are a row of qkv.
/// layer.append(pass, qkv.slice(..), places.slice(..), 1)?;
/// layer.attend(pass, places.slice(..), y.slice(..), 1)
/// # }
/// ```
pub struct GpuAttention {
    gpu: Gpu,
    options: AttentionOptions,
    rows: usize,
    /// Whether a row of inputs is queries, keys and values.
    stacked: bool,
    keys: Buffer,
    values: Buffer,
    append: Vec<Append>,
    few: Attends,
    many: Attends,
    /// Queries as `attend` reads them, and what its workgroups make: shared by the layers of a device.
    prepared: Arc<Buffer>,
    partial: Option<Arc<Buffer>>,
    widths: [usize; 2],
    head_tiles: usize,
}

/// A dispatch that takes in so many vectors of a row.
struct Append {
    taken: Taken,
    heads: usize,
    kernel: SmallKernel,
}

/// A way to attend.
struct Attends {
    by: Attending,
    attend: SmallKernel,
    /// None where nothing is left to do.
    combine: Option<SmallKernel>,
}

/// Options of a [`GpuAttention`].
#[derive(Clone, Debug)]
pub struct GpuAttentionBuilder<'a> {
    gpu: &'a Gpu,
    options: AttentionOptions,
    rows: usize,
    rope: Option<&'a GpuRope>,
    norms: Option<(&'a [f32], &'a [f32], f32)>,
    sinks: &'a [f32],
    stacked: bool,
}

/// A [`Rope`] in device memory. Cheap to clone; the layers of a model share it.
#[derive(Clone, Debug)]
pub struct GpuRope {
    angles: Buffer,
    d: usize,
    interleaved: bool,
    positions: usize,
}

impl Gpu {
    /// Copies angles to the device: 4 d bytes a position.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where they exceed a binding, [`Error::OutOfMemory`], [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_rope(&self, rope: &Rope) -> Result<GpuRope> {
        pollster::block_on(self.upload_rope_async(rope))
    }

    /// The async form of [`upload_rope`](Self::upload_rope).
    ///
    /// # Errors
    /// Those of `upload_rope`.
    pub async fn upload_rope_async(&self, rope: &Rope) -> Result<GpuRope> {
        let bytes = bytemuck::cast_slice(rope.angles());
        within("angles in bytes", bytes.len() as u64, self.max_binding())?;
        Ok(GpuRope {
            angles: self.buffer_of("angles", bytes, BufferUsages::STORAGE).await?,
            d: rope.d(),
            interleaved: rope.interleaved(),
            positions: rope.positions(),
        })
    }
}

impl GpuAttention {
    /// Attention for at most `rows` rows a call, counted over all sequences.
    pub fn builder(gpu: &Gpu, options: AttentionOptions, rows: usize) -> GpuAttentionBuilder<'_> {
        GpuAttentionBuilder {
            gpu,
            options,
            rows,
            rope: None,
            norms: None,
            sinks: &[],
            stacked: true,
        }
    }

    /// Its options.
    pub fn options(&self) -> AttentionOptions {
        self.options
    }

    /// The most rows of a call.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of packed keys and values.
    pub fn device_bytes(&self) -> u64 {
        self.keys.size() + self.values.size()
    }

    /// The packed keys: for each sequence, head and position in turn the words of
    /// [`Kv::words`](crate::kv::Kv::words). To be copied from and, before anything is recorded, to.
    pub fn keys(&self) -> &Buffer {
        &self.keys
    }

    /// The packed values, in the same order.
    pub fn values(&self) -> &Buffer {
        &self.values
    }

    /// Records that the first `rows` rows of `x` are taken in: keys and values packed at their places, queries prepared
    /// for the next [`attend`](Self::attend), which must follow before another layer's. A row of `x` is `q_heads`
    /// queries, `kv_heads` keys, `kv_heads` values, as one product by their stacked weights makes it
    /// ([`Matrix::stacked`](crate::Matrix::stacked)); else see [`append_apart`](Self::append_apart). Rows of one call
    /// must have places of their own.
    ///
    /// # Errors
    /// [`Error::Argument`] where it was made for inputs apart, [`Error::TooLarge`] for more rows than it was made for,
    /// and those of [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn append(&self, pass: &mut ComputePass, x: BufferSlice, places: BufferSlice, rows: usize) -> Result<()> {
        self.check_append(true, rows)?;
        let x = self.range("x", x, 4 * (rows * self.options.row()) as u64)?;
        self.take(pass, [&x, &x, &x], places, rows)
    }

    /// The same with queries \[rows, q_heads, keys.d\], keys and values in slices of their own, where it was made for
    /// that ([`apart`](GpuAttentionBuilder::apart)).
    ///
    /// # Errors
    /// Those of `append`.
    pub fn append_apart(
        &self,
        pass: &mut ComputePass,
        [q, k, v]: [BufferSlice; 3],
        places: BufferSlice,
        rows: usize,
    ) -> Result<()> {
        self.check_append(false, rows)?;
        let AttentionOptions { q_heads, kv_heads, .. } = self.options;
        let (d, value_d) = (self.options.keys.d, self.options.values.d);
        let q = self.range("q", q, 4 * (rows * q_heads * d) as u64)?;
        let k = self.range("k", k, 4 * (rows * kv_heads * d) as u64)?;
        let v = self.range("v", v, 4 * (rows * kv_heads * value_d) as u64)?;
        self.take(pass, [&q, &k, &v], places, rows)
    }

    fn check_append(&self, stacked: bool, rows: usize) -> Result<()> {
        let named = |stacked| if stacked { "stacked" } else { "apart" };
        if stacked != self.stacked {
            return Err(Error::argument(
                "inputs of attention",
                named(self.stacked),
                named(stacked),
            ));
        }
        within("rows of attention", rows as u64, self.rows as u64)
    }

    /// Records the dispatches that take in queries, keys and values.
    fn take(
        &self,
        pass: &mut ComputePass,
        [q, k, v]: [&BufferRange; 3],
        places: BufferSlice,
        rows: usize,
    ) -> Result<()> {
        let places = self.range("places", places, 4 * rows as u64)?;
        if rows == 0 {
            return Ok(());
        }
        let prepared = self.prepared(rows);
        let mut all = Vec::new();
        for Append { taken, heads, kernel } in &self.append {
            let given: &[&BufferRange] = match (taken, self.stacked) {
                (Taken::Values, _) => &[&places, v],
                (_, true) => &[&places, q, &prepared],
                (Taken::All, false) => &[&places, q, k, v, &prepared],
                (Taken::Keys, false) => &[&places, q, k, &prepared],
            };
            all.push(kernel.bind(given.iter().copied(), [rows as u32, *heads as u32])?);
        }
        all.iter().for_each(|append| append.record(pass));
        Ok(())
    }

    /// Records that the queries of the last [`append`](Self::append) attend, the first `rows` of them, to what lies at
    /// their places and before. `y` takes \[rows, q_heads, values.d\] floats.
    ///
    /// # Errors
    /// Those of `append`; [`Error::Aliased`].
    pub fn attend(&self, pass: &mut ComputePass, places: BufferSlice, y: BufferSlice, rows: usize) -> Result<()> {
        within("rows of attention", rows as u64, self.rows as u64)?;
        if rows == 0 {
            return Ok(());
        }
        if places.buffer() == y.buffer() {
            return Err(Error::Aliased("places", "y"));
        }
        let options = &self.options;
        let y = self.range("y", y, 4 * (rows * options.q_heads * options.values.d) as u64)?;
        let places = self.range("places", places, 4 * rows as u64)?;
        let attends = if rows < MANY { &self.few } else { &self.many };
        let Attending { tile, splits, .. } = attends.by;
        let grid = [rows.div_ceil(tile), options.kv_heads * self.head_tiles * splits];
        let grid = grid.map(|count| count as u32);
        let prepared = self.prepared(rows);
        match (&attends.combine, &self.partial) {
            (Some(combine), Some(partial)) => {
                let bytes = partial_bytes(options, rows, splits, self.widths[1]);
                let partial = BufferRange::part(partial, 0, bytes);
                let attend = attends.attend.bind([&places, &prepared, &partial], grid)?;
                let combine = combine.bind([&partial, &y], [rows as u32, options.q_heads as u32])?;
                attend.record(pass);
                combine.record(pass);
            }
            _ => attends.attend.bind([&places, &prepared, &y], grid)?.record(pass),
        }
        Ok(())
    }

    fn prepared(&self, rows: usize) -> BufferRange {
        let bytes = 4 * (rows * self.options.q_heads * self.widths[0]) as u64;
        BufferRange::part(&self.prepared, 0, bytes)
    }

    /// The slice, if it holds so many bytes: exactly these are bound, since kernels count rows by them.
    fn range(&self, what: &'static str, slice: BufferSlice, bytes: u64) -> Result<BufferRange> {
        check_binding(&self.gpu, what, slice, bytes)?;
        within("rows of attention in bytes", bytes, self.gpu.max_binding())?;
        Ok(BufferRange::part(slice.buffer(), slice.offset(), bytes))
    }
}

impl std::fmt::Debug for GpuAttention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuAttention({:?}, {} rows)", self.options, self.rows)
    }
}

/// Bytes of what the workgroups of `attend` make.
fn partial_bytes(options: &AttentionOptions, rows: usize, splits: usize, width: usize) -> u64 {
    4 * (rows * options.q_heads * splits) as u64 * (width as u64 + 4)
}

impl<'a> GpuAttentionBuilder<'a> {
    /// Turns queries and keys by their positions.
    pub fn rope(mut self, rope: &'a GpuRope) -> Self {
        self.rope = Some(rope);
        self
    }

    /// Normalizes each query and key before it is turned (RMS, as in Qwen3): `keys.d` factors for queries, as many for
    /// keys, and what is added to the mean square.
    pub fn norms(mut self, q: &'a [f32], k: &'a [f32], epsilon: f32) -> Self {
        self.norms = Some((q, k, epsilon));
        self
    }

    /// The sink of each query head, where the options have sinks.
    pub fn sinks(mut self, sinks: &'a [f32]) -> Self {
        self.sinks = sinks;
        self
    }

    /// Makes it for queries, keys and values in buffers of their own, as three products write them:
    /// [`append_apart`](GpuAttention::append_apart).
    pub fn apart(mut self) -> Self {
        self.stacked = false;
        self
    }

    /// Compiles its kernels.
    ///
    /// # Errors
    /// Those of [`Attention::new`](crate::kv::Attention::new); [`Error::Length`] where sinks or norms do not fit,
    /// [`Error::Argument`] where angles lack positions or turn more than d; [`Error::TooLarge`] where a side of the
    /// cache or the sums of all rows exceed a binding; [`Error::DeviceLimit`] where the types of keys and values read
    /// more tables than the device binds; [`Error::Shader`], [`Error::OutOfMemory`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build(self) -> Result<GpuAttention> {
        pollster::block_on(self.build_async())
    }

    /// The async form of [`build`](Self::build).
    ///
    /// # Errors
    /// Those of `build`.
    pub async fn build_async(self) -> Result<GpuAttention> {
        let (gpu, options, rows) = (self.gpu, self.options, self.rows);
        let (keys, values) = options.codecs()?;
        let placing = self.placing()?;
        check_sinks(&options, self.sinks)?;
        if rows == 0 {
            return Err(Error::argument("rows of attention", "at least 1", rows));
        }
        let most = gpu.limits().max_compute_workgroups_per_dimension as u64;
        within("rows of attention", rows as u64, most)?;

        let shaders = AttentionShaders {
            options: &options,
            keys: &keys,
            values: &values,
        };
        let few = Attending::new(&options, false, splits(gpu, &options));
        let many = Attending::new(&options, true, 1);
        within(
            "workgroups of a row",
            (options.kv_heads * few.head_tiles * few.splits) as u64,
            most,
        )?;
        let widths = [keys.width(), values.width()];
        let limit = gpu.max_binding();
        let prepared = 4 * (rows * options.q_heads * widths[0]) as u64;
        let partial = [(few, rows.min(MANY - 1)), (many, rows)]
            .into_iter()
            .filter(|(by, _)| !shaders.is_direct(by.splits))
            .map(|(by, rows)| partial_bytes(&options, rows, by.splits, widths[1]))
            .max();
        let side = |codec: &KvCodec| 4 * codec.device_words(options.vectors()) as u64;
        for (what, bytes) in [
            ("the keys of a layer in bytes", side(&keys)),
            ("the values of a layer in bytes", side(&values)),
            ("queries in bytes", prepared),
            ("the sums of attention in bytes", partial.unwrap_or(0)),
        ] {
            within(what, bytes, limit)?;
        }

        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let caches = [
            gpu.buffer("keys", side(&keys), usage).await?,
            gpu.buffer("values", side(&values), usage).await?,
        ];
        let make = Make {
            gpu,
            caches: &caches,
            tables: [&Tables::new(gpu, &keys).await?, &Tables::new(gpu, &values).await?],
            rotates: [&keys, &values].map(|codec| codec.rotation().is_some()),
            sinks: match options.sinks {
                true => Some(self.floats("sinks", &[self.sinks]).await?),
                false => None,
            },
        };
        let append = make.appends(&shaders, placing, &self).await?;
        let few = make.attends(&shaders, few).await?;
        let many = make.attends(&shaders, many).await?;
        let head_tiles = few.by.head_tiles;
        Ok(GpuAttention {
            prepared: gpu.scratch("prepared queries", prepared).await?,
            partial: match partial {
                Some(bytes) => Some(gpu.scratch("sums of attention", bytes).await?),
                None => None,
            },
            stacked: self.stacked,
            gpu: gpu.clone(),
            options,
            rows,
            append,
            few,
            many,
            widths,
            head_tiles,
            keys: caches[0].clone(),
            values: caches[1].clone(),
        })
    }

    /// What position does to queries and keys.
    fn placing(&self) -> Result<Placing> {
        let d = self.options.keys.d;
        if let Some((q, k, epsilon)) = self.norms {
            for norm in [q, k] {
                if norm.len() != d {
                    return Err(Error::Length {
                        what: "factors of normalized queries and keys",
                        shape: format!("[{d}]"),
                        unit: "floats",
                        expected: d,
                        got: norm.len(),
                    });
                }
            }
            if !(epsilon >= 0.0 && epsilon.is_finite()) {
                return Err(Error::argument("epsilon", "finite, 0 or more", epsilon));
            }
        }
        if let Some(rope) = self.rope {
            let bound = |what, most: usize, got: usize| match got <= most {
                true => Ok(()),
                false => Err(Error::Argument {
                    what,
                    allowed: format!("at most {most}"),
                    got: got.to_string(),
                }),
            };
            bound("numbers turned by their position", d, rope.d)?;
            bound(
                "the capacity of a cache in tokens, with these angles,",
                rope.positions,
                self.options.capacity,
            )?;
        }
        Ok(Placing {
            turned: self.rope.map_or(0, |rope| rope.d),
            interleaved: self.rope.is_some_and(|rope| rope.interleaved),
            norms: self.norms.map(|(.., epsilon)| epsilon),
        })
    }

    async fn floats(&self, label: &'static str, floats: &[&[f32]]) -> Result<Buffer> {
        let bytes = floats.concat();
        self.gpu
            .buffer_of(label, bytemuck::cast_slice(&bytes), BufferUsages::STORAGE)
            .await
    }
}

/// Workgroups that share the tokens of a row, where there are few rows.
fn splits(gpu: &Gpu, options: &AttentionOptions) -> usize {
    match gpu.class() {
        DeviceClass::Gpu => {
            let most = options.capacity.div_ceil(FEW_TOKENS);
            BUSY.div_ceil(options.kv_heads).min(most).min(32)
        }
        // Barriers cost more than idle threads.
        DeviceClass::Cpu => 1,
    }
}

/// What the kernels are bound to.
struct Make<'a> {
    gpu: &'a Gpu,
    caches: &'a [Buffer; 2],
    /// Of keys and of values.
    tables: [&'a Tables; 2],
    rotates: [bool; 2],
    sinks: Option<Buffer>,
}

impl Make<'_> {
    async fn kernel(&self, shader: &SmallShader, own: Own<'_>, given: &[(u32, Access)]) -> Result<SmallKernel> {
        SmallKernel::new(self.gpu, shader, own, given).await
    }

    /// The cache of a side (0 for keys, 1 for values) and its codebook.
    fn cache(&self, side: usize, access: Access) -> Own<'_> {
        let base = side as u32 * VALUE_BINDINGS;
        let mut own = vec![(base, access, &self.caches[side])];
        own.extend(self.tables[side].codebook.iter().map(|b| (base + 4, Reads, b)));
        own
    }

    /// What packs vectors of a side.
    fn packer(&self, side: usize) -> Own<'_> {
        let base = side as u32 * VALUE_BINDINGS;
        let mut own = self.cache(side, Writes);
        let projection = self.tables[side].projection.iter();
        own.extend(projection.map(|(forward, _)| (base + 5, Reads, forward)));
        if self.rotates[side] {
            own.push((base + 6, Reads, &self.tables[side].rotation));
        }
        own
    }

    /// One dispatch that takes in everything, or two where the device binds too few buffers.
    async fn appends(
        &self,
        shaders: &AttentionShaders<'_>,
        placing: Placing,
        builder: &GpuAttentionBuilder<'_>,
    ) -> Result<Vec<Append>> {
        let norms = match builder.norms {
            Some((q, k, _)) => Some(builder.floats("norms", &[q, k]).await?),
            None => None,
        };
        let mut keys = self.packer(0);
        // A kernel that does one of the two has no use for the other's table, yet its layout does.
        let angles = builder.rope.map(|rope| &rope.angles);
        if let Some(angles) = angles.or(norms.as_ref()) {
            keys.push((8, Reads, angles));
            keys.push((9, Reads, norms.as_ref().unwrap_or(angles)));
        }
        let values = self.packer(1);
        // The inputs of `take`, in its order.
        let given = |taken| match (taken, builder.stacked) {
            (Taken::Values, true) => vec![(1, Reads), (2, Reads)],
            (Taken::Values, false) => vec![(1, Reads), (15, Reads)],
            (_, true) => vec![(1, Reads), (2, Reads), (3, Writes)],
            (Taken::All, false) => vec![(1, Reads), (2, Reads), (14, Reads), (15, Reads), (3, Writes)],
            (Taken::Keys, false) => vec![(1, Reads), (2, Reads), (14, Reads), (3, Writes)],
        };
        let most = self.gpu.limits().max_storage_buffers_per_shader_stage as usize;
        let all = [&keys[..], &values].concat();
        let ways = match all.len() + given(Taken::All).len() <= most {
            true => vec![(Taken::All, all)],
            false => vec![(Taken::Keys, keys), (Taken::Values, values)],
        };
        let mut appends = Vec::new();
        for (taken, own) in ways {
            let AttentionOptions { q_heads, kv_heads, .. } = *shaders.options;
            let heads = match taken {
                Taken::All => q_heads + 2 * kv_heads,
                Taken::Keys => q_heads + kv_heads,
                Taken::Values => kv_heads,
            };
            let shader = shaders.append(taken, placing, builder.stacked);
            let kernel = self.kernel(&shader, own, &given(taken)).await?;
            appends.push(Append { taken, heads, kernel });
        }
        Ok(appends)
    }

    async fn attends(&self, shaders: &AttentionShaders<'_>, by: Attending) -> Result<Attends> {
        let direct = shaders.is_direct(by.splits);
        let sinks = || self.sinks.iter().map(|b| (10, Reads, b));
        let mut own = [self.cache(0, Reads), self.cache(1, Reads)].concat();
        own.extend(sinks().filter(|_| direct));
        let given = [(1, Reads), (2, Reads), (3, Writes)];
        let attend = self.kernel(&shaders.attend(by, direct), own, &given).await?;
        let combine = match direct {
            true => None,
            false => {
                let tables = self.tables[1];
                let mut own: Own = sinks().collect();
                let projection = tables.projection.iter();
                own.extend(projection.map(|(_, back)| (5, Reads, back)));
                if self.rotates[1] {
                    own.push((6, Reads, &tables.back));
                }
                let given = [(2, Reads), (3, Writes)];
                Some(self.kernel(&shaders.combine(by.splits), own, &given).await?)
            }
        };
        Ok(Attends { by, attend, combine })
    }
}

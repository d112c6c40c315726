//! Attention over packed caches in device memory.

mod builder;
mod kernels;
mod rope;

pub use builder::GpuAttentionBuilder;
pub use rope::GpuRope;

use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::range::{BufferRange, exactly};
use crate::kv::{Attending, AttentionOptions, Taken};
use crate::reserve::within;
use crate::{Error, Result};
use kernels::{Append, Attends};
use std::sync::Arc;
use wgpu::{Buffer, BufferSlice, ComputePass};

/// Rows from which on keys are decoded for several of them at once.
const MANY: usize = 16;

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
}

impl GpuAttention {
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
        let Attending {
            tile,
            splits,
            head_tiles,
            ..
        } = attends.by;
        let grid = [rows.div_ceil(tile), options.kv_heads * head_tiles * splits];
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
        exactly(&self.gpu, what, "rows of attention in bytes", slice, bytes)
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

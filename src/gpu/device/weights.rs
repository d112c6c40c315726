//! A packed matrix in GPU memory.

use crate::family::{PART, Table};
use crate::gpu::device::buffers::STAGING;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::device::planes::{self, Planes};
use crate::reserve::within;
use crate::shader::tuning::INTERLEAVE;
use crate::{Error, Format, Matrix, Result};
use std::sync::Arc;
use wgpu::{Buffer, BufferSize, BufferUsages, SubmissionIndex};

/// A packed matrix in GPU memory, rearranged into aligned words. Cheap to clone.
///
/// If a plane of the matrix exceeds the largest binding, its rows are split into slabs with buffers of their own.
#[derive(Clone, Debug)]
pub struct Weights {
    inner: Arc<Uploaded>,
}

#[derive(Debug)]
struct Uploaded {
    gpu: Gpu,
    format: Format,
    n: usize,
    k: usize,
    bytes: u64,
    slabs: Vec<Slab>,
    /// What codes are looked up in, where the format has such a table.
    table: Option<Buffer>,
}

/// Rows of a matrix that one binding of each plane can hold.
#[derive(Debug)]
pub(crate) struct Slab {
    pub first_row: usize,
    pub rows: usize,
    pub codes: Buffer,
    pub scales: Buffer,
}

impl Weights {
    /// How the weights are stored.
    pub fn format(&self) -> Format {
        self.inner.format
    }

    /// Rows: outputs of the layer.
    pub fn n(&self) -> usize {
        self.inner.n
    }

    /// Columns: inputs of the layer.
    pub fn k(&self) -> usize {
        self.inner.k
    }

    /// Bytes of GPU memory that a product reads: within 3 % of the host's, but for padding of n to
    /// a multiple of 8 and of k to a multiple of 32.
    pub fn device_bytes(&self) -> u64 {
        self.inner.bytes
    }

    /// Bytes of the table that codes are looked up in, beside `device_bytes`: a learned codebook of
    /// this matrix's own, or the grid of a lattice format, which its matrices share; 0 for the rest.
    pub fn table_bytes(&self) -> u64 {
        self.table().map_or(0, Buffer::size)
    }

    /// Slabs that the rows are split into; 1 unless a plane exceeds the largest binding.
    pub fn slab_count(&self) -> usize {
        self.inner.slabs.len()
    }

    pub(crate) fn slabs(&self) -> &[Slab] {
        &self.inner.slabs
    }

    pub(crate) fn table(&self) -> Option<&Buffer> {
        self.inner.table.as_ref()
    }

    pub(crate) fn gpu(&self) -> &Gpu {
        &self.inner.gpu
    }

    /// Units of one row in the code plane and the scale plane.
    pub(crate) fn units(&self) -> (usize, usize) {
        planes::units(self.format(), self.k())
    }
}

impl Gpu {
    /// Packs a matrix into GPU memory and waits until it has arrived. Staging takes a bounded amount of memory, and
    /// dropping the weights frees theirs.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if eight rows, or the table of a format, exceed the largest binding,
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload(&self, matrix: &Matrix) -> Result<Weights> {
        pollster::block_on(self.upload_async(matrix))
    }

    /// The async form of [`upload`](Self::upload).
    pub async fn upload_async(&self, matrix: &Matrix<'_>) -> Result<Weights> {
        let (format, n, k) = (matrix.format(), matrix.n(), matrix.k());
        let planes = Planes::of(matrix);
        // Bytes of eight interleaved rows in the larger plane decide how many fit a binding.
        let eight = planes.code_row.max(planes.scale_row) as u64 * INTERLEAVE as u64;
        let limit = self.max_binding();
        const COUNTED: u64 = u32::MAX as u64 / 2;
        for (what, needed, limit) in [
            ("weights of a row", k as u64, COUNTED),
            ("rows of weights", n as u64, COUNTED),
            ("eight rows of weights in bytes", eight, limit),
        ] {
            within(what, needed, limit)?;
        }
        // Before the rest, which waits until all of it has arrived.
        let table = self.table(matrix).await?;
        let slab_rows = (limit / eight) as usize * INTERLEAVE;
        let mut slabs = Vec::new();
        let mut bytes = 0;
        for first_row in (0..n).step_by(slab_rows) {
            let rows = slab_rows.min(n - first_row);
            let slab = self.slab(&planes, first_row, rows).await?;
            // Scales that a format does not have take a word or two, bound and never read.
            let scales = if planes.scale_row == 0 { 0 } else { slab.scales.size() };
            bytes += slab.codes.size() + scales;
            slabs.push(slab);
        }
        Ok(Weights {
            inner: Arc::new(Uploaded {
                gpu: self.clone(),
                format,
                n,
                k,
                bytes,
                slabs,
                table,
            }),
        })
    }
}

/// Pairs with the first of them again behind the last, so that those of a part lie next to each other wherever it starts.
fn with_first_again(pairs: &[u32]) -> Vec<u32> {
    let all = pairs.iter().cycle().take(pairs.len() + 2 * (PART - 1));
    all.copied().collect()
}

impl Gpu {
    /// What the codes of a matrix are looked up in.
    async fn table(&self, matrix: &Matrix<'_>) -> Result<Option<Buffer>> {
        let format = matrix.format();
        let table = match format.family().table {
            Table::None => return Ok(None),
            Table::Fixed(words) => self.shared_table(format.name(), words).await?,
            Table::Codebook(_) => self.codebook(matrix.codebook()).await?,
            Table::Pairs => self.codebook(&with_first_again(matrix.codebook())).await?,
        };
        within("the table of a matrix in bytes", table.size(), self.max_binding())?;
        Ok(Some(table))
    }

    /// The table of one matrix.
    async fn codebook(&self, words: &[u32]) -> Result<Buffer> {
        self.buffer_of("codebook", bytemuck::cast_slice(words), BufferUsages::STORAGE)
            .await
    }

    /// The table of a format whose matrices share it.
    async fn shared_table(&self, format: &'static str, words: fn() -> &'static [u32]) -> Result<Buffer> {
        if let Some(table) = lock(self.tables()).get(format) {
            return Ok(table.clone());
        }
        let bytes = bytemuck::cast_slice(words());
        let table = self.buffer_of("table", bytes, BufferUsages::STORAGE).await?;
        lock(self.tables()).insert(format, table.clone());
        Ok(table)
    }

    /// Packs some rows, in pieces: the device copies one while the next is packed, and a third waits for the first.
    async fn slab(&self, planes: &Planes<'_>, first_row: usize, rows: usize) -> Result<Slab> {
        let padded = rows.next_multiple_of(INTERLEAVE);
        let bytes = |row: usize| (padded * row) as u64;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let codes = self.buffer("packed codes", bytes(planes.code_row), usage).await?;
        let scales = bytes(planes.scale_row).max(16);
        let scales = self.buffer("packed scales", scales, usage).await?;
        let slab = Slab {
            first_row,
            rows,
            codes,
            scales,
        };
        let piece = (STAGING / 2 / planes.octet()).max(1) * INTERLEAVE;
        let mut last = None;
        for first in (0..padded).step_by(piece) {
            let submitted = self.piece(planes, &slab, first, piece.min(padded - first)).await?;
            self.done(last.replace(submitted)).await?;
        }
        self.done(last).await?;
        Ok(slab)
    }

    /// Packs the rows of a slab from `first` on straight into staging memory, and submits their copy.
    async fn piece(&self, planes: &Planes<'_>, slab: &Slab, first: usize, rows: usize) -> Result<SubmissionIndex> {
        const WHAT: &str = "packed weights";
        let staged = |buffer: &Buffer, row: usize| {
            let size = BufferSize::new((rows * row) as u64)?;
            self.queue().write_buffer_with(buffer, (first * row) as u64, size)
        };
        let both = self.scoped(WHAT, || {
            (
                staged(&slab.codes, planes.code_row),
                staged(&slab.scales, planes.scale_row),
            )
        });
        let (codes, mut scales) = both.await.inspect_err(|_| {
            // What one of the two holds is free once it is submitted.
            self.queue().submit([]);
        })?;
        let mut codes = codes.ok_or_else(|| Error::OutOfMemory(WHAT.into()))?;
        let to_scales = scales.as_mut().map(|scales| scales.slice(..)).unwrap_or_default();
        planes.pack(slab.first_row + first, codes.slice(..), to_scales);
        // Until somebody submits, wgpu keeps staging memory, and the buffer alive (gfx-rs/wgpu#9354).
        let submitted = self.scoped(WHAT, || {
            drop((codes, scales));
            self.queue().submit([])
        });
        submitted.await
    }
}

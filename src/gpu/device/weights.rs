//! A packed matrix in GPU memory.

#[cfg(doc)]
use crate::Error;
use crate::family::{Blocks, PART, Pack, Plane, Table, Unit};
use crate::gpu::device::buffers::STAGING;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::reserve::within;
use crate::shader::tuning::INTERLEAVE;
use crate::{Format, Matrix, Result, parallel};
use std::sync::Arc;
use wgpu::{Buffer, BufferUsages};

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
        units(self.format(), self.k())
    }
}

fn units(format: Format, k: usize) -> (usize, usize) {
    // Whole parts: what a part reads past k must be there, and finite.
    let k = k.next_multiple_of(PART);
    (
        format.family().code_plane.units_per_row(k),
        format.scale_plane().units_per_row(k),
    )
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
        let (code_units, scale_units) = units(format, k);
        let code_plane = format.family().code_plane;
        let scale_plane = format.scale_plane();
        // Bytes of eight interleaved rows in the larger plane decide how many fit a binding.
        let larger = (code_units * code_plane.unit.bytes()).max(scale_units * scale_plane.unit.bytes());
        let eight = larger as u64 * INTERLEAVE as u64;
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
            let slab = self.slab(matrix, first_row, rows).await?;
            // Scales that a format does not have take a word or two, bound and never read.
            let scales = if scale_units == 0 { 0 } else { slab.scales.size() };
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

impl Gpu {
    /// What the codes of a matrix are looked up in.
    async fn table(&self, matrix: &Matrix<'_>) -> Result<Option<Buffer>> {
        let format = matrix.format();
        let table = match format.family().table {
            Table::None => return Ok(None),
            Table::Fixed(words) => self.shared_table(format.name(), words).await?,
            Table::Codebook(_) | Table::Pairs => {
                let words = bytemuck::cast_slice(matrix.codebook());
                let usage = BufferUsages::STORAGE;
                self.buffer_of("codebook", words, usage).await?
            }
        };
        within("the table of a matrix in bytes", table.size(), self.max_binding())?;
        Ok(Some(table))
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

    /// Packs some rows, in pieces: of what is on its way there is never more than one in memory.
    async fn slab(&self, matrix: &Matrix<'_>, first_row: usize, rows: usize) -> Result<Slab> {
        let (format, k) = (matrix.format(), matrix.k());
        let (code_units, scale_units) = units(format, k);
        let row = |units: usize, plane: Plane| (units * plane.unit.bytes()) as u64;
        let code_row = row(code_units, format.family().code_plane);
        let scale_row = row(scale_units, format.scale_plane());
        let padded = rows.next_multiple_of(INTERLEAVE) as u64;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let codes = self.buffer("packed codes", padded * code_row, usage);
        let codes = codes.await?;
        let scales = self.buffer("packed scales", (padded * scale_row).max(16), usage);
        let scales = scales.await?;

        let eight = (code_row + scale_row) as usize * INTERLEAVE;
        let piece = (STAGING / eight).max(1) * INTERLEAVE;
        for first in (0..rows).step_by(piece) {
            let count = piece.min(rows - first);
            let from = first_row + first;
            let (code_bytes, scale_bytes) = pack(matrix, from, count, code_units, scale_units);
            let at = first as u64;
            let first = self.fill("packed codes", &codes, at * code_row, &code_bytes);
            let first = first.await?;
            let last = self.fill("packed scales", &scales, at * scale_row, &scale_bytes);
            self.done(last.await?.or(first)).await?;
        }
        Ok(Slab {
            first_row,
            rows,
            codes,
            scales,
        })
    }
}

/// The two planes of some rows of a matrix, eight rows interleaved unit by unit.
fn pack(matrix: &Matrix, first_row: usize, rows: usize, code_units: usize, scale_units: usize) -> (Vec<u8>, Vec<u8>) {
    let format = matrix.format();
    let family = format.family();
    let k = matrix.k();
    let eights = rows.div_ceil(INTERLEAVE);
    let plane = |p: Plane, units: usize| vec![0u8; eights * INTERLEAVE * units * p.unit.bytes()];
    let mut codes = plane(family.code_plane, code_units);
    let mut scales = plane(format.scale_plane(), scale_units);
    let rows_of = |eight: usize| {
        (0..INTERLEAVE.min(rows - eight * INTERLEAVE)).map(move |r| (r, first_row + eight * INTERLEAVE + r))
    };

    // Codes: unpacked to one byte each, then packed anew for the device.
    let per = family.code_plane.per;
    let unit = family.code_plane.unit;
    let packed = code_units * unit.bytes();
    let bytes = family.code_plane.units * unit.bytes();
    let scratch = || (vec![0i8; k.next_multiple_of(per)], vec![0u8; packed]);
    parallel::chunks(
        &mut codes,
        packed * INTERLEAVE,
        scratch,
        |eight, out, (codes, row_units)| {
            for (r, row) in rows_of(eight) {
                match family.pack_codes {
                    Pack::Codes(pack) => {
                        format.row_codes(matrix.row(row), &mut codes[..k]);
                        for (codes, units) in codes.chunks(per).zip(row_units.chunks_mut(bytes)) {
                            pack(codes, units);
                        }
                    }
                    Pack::Blocks(pack) => {
                        let row = format.without_headers(k, matrix.row(row));
                        // A block of fixed size may fill several runs of units; of others the headers are gone.
                        let run = match format.family().blocks {
                            Blocks::Fixed { len, .. } => per.max(len),
                            _ => per,
                        };
                        let stored = format.bytes_without_headers(run);
                        let units = row_units.chunks_mut(run / per * bytes);
                        for (blocks, units) in row.chunks(stored).zip(units) {
                            pack(blocks, units);
                        }
                    }
                }
                match unit {
                    Unit::OddWords => interleave_twos(row_units, bytes, r, out),
                    _ => interleave(row_units, unit.bytes(), r, out),
                }
            }
        },
    );

    // Scales: fields of each block, in its share of the units.
    let plane = format.scale_plane();
    let unit = plane.unit.bytes();
    let packed = scale_units * unit;
    if packed == 0 {
        return (codes, scales);
    }
    let (share, stored) = match plane.per {
        0 => (packed, matrix.row(first_row).len()),
        per => {
            let span = format.block_span(k);
            (plane.units * unit / (per / span), format.bytes_for(span))
        }
    };
    let scratch = || vec![0u8; packed];
    parallel::chunks(&mut scales, packed * INTERLEAVE, scratch, |eight, out, row_units| {
        for (r, row) in rows_of(eight) {
            let shares = row_units.chunks_mut(share);
            for (block, units) in matrix.row(row).chunks(stored).zip(shares) {
                (family.pack_scales)(block, units);
            }
            interleave(row_units, unit, r, out);
        }
    });
    (codes, scales)
}

/// Puts the units of row `r` of eight into their places among those of its neighbours.
fn interleave(row: &[u8], unit: usize, r: usize, out: &mut [u8]) {
    for (from, to) in row.chunks(unit).zip(out.chunks_mut(unit * INTERLEAVE)) {
        to[r * unit..(r + 1) * unit].copy_from_slice(from);
    }
}

/// As `interleave`, for parts of so many bytes: units of two words each, but for one word at the end.
fn interleave_twos(row: &[u8], part: usize, r: usize, out: &mut [u8]) {
    for (from, to) in row.chunks(part).zip(out.chunks_mut(part * INTERLEAVE)) {
        let (twos, last) = from.split_at(part - 4);
        let (to_twos, to_last) = to.split_at_mut(twos.len() * INTERLEAVE);
        interleave(twos, 8, r, to_twos);
        interleave(last, 4, r, to_last);
    }
}

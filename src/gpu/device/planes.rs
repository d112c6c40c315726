//! The two planes of a matrix, packed octet by octet from its stored rows.

use crate::family::{Blocks, PART, Pack, Plane};
use crate::gpu::device::interleave;
use crate::shader::tuning::INTERLEAVE;
use crate::{Format, Matrix, parallel, simd};
use fearless_simd::Level;
use wgpu::WriteOnly;

/// Bytes of planes that a thread packs before it looks for more: enough to outweigh the search.
const TASK: usize = 64 << 10;

/// How a matrix is packed.
pub(crate) struct Planes<'a> {
    matrix: &'a Matrix<'a>,
    level: Level,
    /// Bytes of a row in each plane.
    pub code_row: usize,
    pub scale_row: usize,
}

/// The buffers of a worker, filled for one octet after another. In caches, because memory that a device reads may be
/// slow to write in small steps.
struct Scratch {
    /// The codes of a row, and zeros to the end of its last unit.
    codes: Vec<i8>,
    /// The units of a row in either plane.
    units: Vec<u8>,
    code_octet: Vec<u8>,
    scale_octet: Vec<u8>,
}

/// Units of one row in the code plane and the scale plane.
pub(crate) fn units(format: Format, k: usize) -> (usize, usize) {
    // Whole parts: what a part reads past k must be there, and finite.
    let k = k.next_multiple_of(PART);
    (
        format.family().code_plane.units_per_row(k),
        format.scale_plane().units_per_row(k),
    )
}

impl<'a> Planes<'a> {
    pub fn of(matrix: &'a Matrix<'a>) -> Planes<'a> {
        let format = matrix.format();
        let (code_units, scale_units) = units(format, matrix.k());
        let row = |plane: Plane, units: usize| units * plane.unit.bytes();
        Planes {
            matrix,
            level: simd::best(),
            code_row: row(format.family().code_plane, code_units),
            scale_row: row(format.scale_plane(), scale_units),
        }
    }

    /// Bytes of eight rows in both planes.
    pub fn octet(&self) -> usize {
        (self.code_row + self.scale_row) * INTERLEAVE
    }

    /// Packs octets from row `first` on, as many as `codes` and `scales` have room for.
    pub fn pack(&self, first: usize, codes: WriteOnly<[u8]>, scales: WriteOnly<[u8]>) {
        let rows = (TASK / self.octet()).max(1) * INTERLEAVE;
        let (mut codes, mut scales) = (Room(codes), Room(scales));
        let mut tasks = Vec::new();
        while !codes.0.is_empty() {
            tasks.push((codes.front(rows * self.code_row), scales.front(rows * self.scale_row)));
        }
        let scratch = || self.scratch();
        parallel::chunks(&mut tasks, 1, scratch, |task, room, scratch| {
            let mut row = first + task * rows;
            for (codes, scales) in room {
                while !codes.0.is_empty() {
                    self.pack_octet(row, scratch);
                    codes.put(&scratch.code_octet);
                    scales.put(&scratch.scale_octet);
                    row += INTERLEAVE;
                }
            }
        });
    }

    fn scratch(&self) -> Scratch {
        let per = self.matrix.format().family().code_plane.per;
        Scratch {
            codes: vec![0; self.matrix.k().next_multiple_of(per)],
            units: vec![0; self.code_row.max(self.scale_row)],
            code_octet: vec![0; self.code_row * INTERLEAVE],
            scale_octet: vec![0; self.scale_row * INTERLEAVE],
        }
    }

    fn pack_octet(&self, first: usize, scratch: &mut Scratch) {
        let rows = first..self.matrix.n().min(first + INTERLEAVE);
        if rows.len() < INTERLEAVE {
            scratch.code_octet.fill(0);
            scratch.scale_octet.fill(0);
        }
        for (r, row) in rows.map(|row| self.matrix.row(row)).enumerate() {
            self.pack_codes(r, row, scratch);
            self.pack_scales(r, row, scratch);
        }
    }

    fn pack_codes(&self, r: usize, row: &[u8], scratch: &mut Scratch) {
        let (format, k) = (self.matrix.format(), self.matrix.k());
        let (family, plane) = (format.family(), format.family().code_plane);
        let units = &mut scratch.units[..self.code_row];
        // Bytes of the units for so many weights.
        let packed = |weights: usize| weights / plane.per * plane.units * plane.unit.bytes();
        match family.pack_codes {
            Pack::Bytes(runs) => {
                let len = format.block_span(k);
                let pieces = [format.bytes_for(len), packed(len)];
                return interleave::runs(row, pieces, runs, plane, r, units, &mut scratch.code_octet);
            }
            Pack::Codes(pack) => {
                format.row_codes_at(self.level, row, &mut scratch.codes[..k]);
                pack(self.level, &scratch.codes, units);
            }
            Pack::Blocks(pack) => {
                let row = format.without_headers(k, row);
                // A block of fixed size may fill several runs of units; of others the headers are gone.
                let len = match family.blocks {
                    Blocks::Fixed { len, .. } => plane.per.max(len),
                    _ => plane.per,
                };
                let blocks = row.chunks(format.bytes_without_headers(len));
                for (blocks, units) in blocks.zip(units.chunks_mut(packed(len))) {
                    pack(blocks, units);
                }
            }
        }
        interleave::units(units, plane, r, &mut scratch.code_octet);
    }

    fn pack_scales(&self, r: usize, row: &[u8], scratch: &mut Scratch) {
        if self.scale_row == 0 {
            return;
        }
        let (format, k) = (self.matrix.format(), self.matrix.k());
        let (runs, plane) = (format.family().scale_bytes, format.scale_plane());
        // Stored bytes of a block, and those of its share of the units.
        let pieces = match plane.per {
            0 => [row.len(), self.scale_row],
            per => {
                let span = format.block_span(k);
                [format.bytes_for(span), plane.units * plane.unit.bytes() / (per / span)]
            }
        };
        let row = &format.with_zeros_behind(k, row);
        let units = &mut scratch.units[..self.scale_row];
        interleave::runs(row, pieces, runs, plane, r, units, &mut scratch.scale_octet);
    }
}

/// What is left of a plane to fill.
struct Room<'a>(WriteOnly<'a, [u8]>);

// SAFETY: wgpu says that a `WriteOnly` may go to another thread where its elements may, as `&mut [u8]` may, but forgets
// slices: its `impl` lacks `?Sized` (wgpu-types 30, write_only.rs).
#[allow(unsafe_code)]
unsafe impl Send for Room<'_> {}

impl<'a> Room<'a> {
    /// Takes the first `len` bytes, or all if there are fewer.
    fn front(&mut self, len: usize) -> Room<'a> {
        let len = len.min(self.0.len());
        Room(self.0.split_off(..len).unwrap_or_default())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.front(bytes.len()).0.copy_from_slice(bytes);
    }
}

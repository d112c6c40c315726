//! Bytes of buffers: what a binding covers.

use crate::gpu::device::gpu::Gpu;
use crate::reserve::within;
use crate::{Error, Result};
use std::num::NonZeroU64;
use std::ops::Range;
use wgpu::{BindingResource, Buffer, BufferBinding, BufferSlice, BufferUsages};

/// Bytes of a buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BufferRange {
    pub buffer: Buffer,
    pub offset: u64,
    pub size: u64,
}

impl BufferRange {
    /// The whole of a buffer.
    pub fn whole(buffer: &Buffer) -> BufferRange {
        BufferRange {
            buffer: buffer.clone(),
            offset: 0,
            size: buffer.size(),
        }
    }

    /// So many bytes of a buffer from `offset` on.
    pub fn part(buffer: &Buffer, offset: u64, size: u64) -> BufferRange {
        let buffer = buffer.clone();
        BufferRange { buffer, offset, size }
    }

    /// What is bound of it.
    pub fn resource(&self, extent: &Range<u64>) -> BindingResource<'_> {
        BindingResource::Buffer(BufferBinding {
            buffer: &self.buffer,
            offset: self.offset + extent.start,
            size: NonZeroU64::new(extent.end - extent.start),
        })
    }
}

impl From<BufferSlice<'_>> for BufferRange {
    fn from(slice: BufferSlice) -> BufferRange {
        BufferRange::part(slice.buffer(), slice.offset(), slice.size())
    }
}

/// Bytes of a given buffer that the first dispatch of a grid binds; each dispatch after it binds those `step` further
/// on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub first: Range<u64>,
    pub step: u64,
}

impl Span {
    /// `count` rows of so many bytes each from row `first` on. Each run of `run` rows lies behind the one before.
    pub fn rows(first: usize, count: usize, bytes: u64, run: usize) -> Span {
        Span {
            first: first as u64 * bytes..((first + count) as u64 * bytes).next_multiple_of(4),
            step: run as u64 * bytes,
        }
    }

    /// What dispatch number `time` binds.
    pub fn at(&self, time: usize) -> Range<u64> {
        let by = time as u64 * self.step;
        self.first.start + by..self.first.end + by
    }

    /// Where the bytes of the last of `times` dispatches end.
    pub fn end(&self, times: usize) -> u64 {
        self.at(times.saturating_sub(1)).end
    }
}

/// Bytes that a given buffer must have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Needed {
    pub whole: u64,
    /// Bytes of a row, where there may be fewer rows.
    pub row: u64,
}

impl Needed {
    /// What serves both.
    pub fn max(self, other: Needed) -> Needed {
        Needed {
            whole: self.whole.max(other.whole),
            row: self.row.max(other.row),
        }
    }

    /// The bytes for so many rows.
    pub fn bytes(self, rows: usize) -> u64 {
        match self.row {
            0 => self.whole,
            row => (rows as u64).saturating_mul(row).min(self.whole).next_multiple_of(4),
        }
    }

    /// The rows that so many bytes have room for.
    pub fn rows(self, bytes: u64) -> usize {
        bytes.checked_div(self.row).map_or(usize::MAX, |rows| rows as usize)
    }
}

impl From<Range<u64>> for Span {
    fn from(first: Range<u64>) -> Span {
        Span { first, step: 0 }
    }
}

/// Exactly so many bytes of a caller's slice, which a kernel counts rows by; `all` names them where they are too many.
pub(crate) fn exactly(
    gpu: &Gpu,
    what: &'static str,
    all: &'static str,
    slice: BufferSlice,
    bytes: u64,
) -> Result<BufferRange> {
    check_binding(gpu, what, slice, bytes)?;
    within(all, bytes, gpu.max_binding())?;
    Ok(BufferRange::part(slice.buffer(), slice.offset(), bytes))
}

/// Whether a caller's slice can be bound: its length, offset and usage.
pub(crate) fn check_binding(gpu: &Gpu, what: &'static str, slice: BufferSlice, needed: u64) -> Result<()> {
    let got = slice.size();
    if got < needed {
        return Err(Error::Binding {
            what,
            expected: needed,
            got,
        });
    }
    let alignment = gpu.limits().min_storage_buffer_offset_alignment as u64;
    if !slice.offset().is_multiple_of(alignment) {
        return Err(Error::Alignment {
            what,
            alignment,
            got: slice.offset(),
        });
    }
    let usage = slice.buffer().usage();
    if !usage.contains(BufferUsages::STORAGE) {
        return Err(Error::Usage {
            what,
            expected: format!("{:?}", BufferUsages::STORAGE),
            got: format!("{usage:?}"),
        });
    }
    Ok(())
}

//! Writing a model in several files.

use super::split::{COUNT, NO, TENSORS};
use super::{ALIGNMENT_KEY, Writer};
use crate::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

impl<'a> Writer<'a> {
    /// The model in parts of at most `max_tensors` tensors and `max_bytes` bytes of data, each a file
    /// to be written under its [`part_name`](super::part_name). A tensor larger than that has a part
    /// of its own. What fits in one part stays one plain file.
    ///
    /// The bytes of tensors are borrowed, or declared as they are here.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more parts than 16 bits count.
    pub fn split(&self, max_tensors: usize, max_bytes: u64) -> Result<Vec<Writer<'_>>> {
        self.parts(self.ranges(max_tensors, max_bytes)?)
    }

    /// The model in parts of so many tensors, in order: one of no tensors has keys alone.
    ///
    /// # Errors
    /// [`Error::Argument`] where the counts are not those of all tensors, else those of [`split`](Writer::split).
    pub fn split_by(&self, counts: &[usize]) -> Result<Vec<Writer<'_>>> {
        let mut ranges = Vec::with_capacity(counts.len());
        let mut start = 0usize;
        for &count in counts {
            let end = start.saturating_add(count);
            ranges.push(start..end);
            start = end;
        }
        if start != self.tensors.len() || counts.is_empty() {
            return Err(Error::Argument {
                what: "the tensors of the parts",
                allowed: format!("{} in all, in at least one part", self.tensors.len()),
                got: format!("{start} in {}", counts.len()),
            });
        }
        self.parts(ranges)
    }

    fn parts(&self, ranges: Vec<Range<usize>>) -> Result<Vec<Writer<'_>>> {
        let count = u16::try_from(ranges.len()).map_err(|_| Error::TooLarge {
            what: "the number of parts",
            needed: ranges.len() as u64,
            limit: u16::MAX.into(),
        })?;
        let total = i32::try_from(self.tensors.len()).map_err(|_| Error::TooLarge {
            what: "the number of tensors of a split model",
            needed: self.tensors.len() as u64,
            limit: i32::MAX as u64,
        })?;
        let mut parts = Vec::new();
        for (no, range) in (0..count).zip(ranges) {
            let mut part = Writer::new();
            for (key, value) in &self.metadata {
                let of_split = [NO, COUNT, TENSORS].contains(&key.as_str());
                // Only the first part has them all; each is aligned by its own.
                if !of_split && (no == 0 || key == ALIGNMENT_KEY) {
                    part.metadata(key, value.clone())?;
                }
            }
            if count > 1 {
                part.metadata(NO, no)?.metadata(COUNT, count)?;
                part.metadata(TENSORS, total)?;
            }
            for t in &self.tensors[range] {
                let bytes = t.bytes.as_deref().map(Cow::Borrowed);
                part.add(&t.name, &t.dims, t.type_id, t.size, bytes)?;
            }
            parts.push(part);
        }
        Ok(parts)
    }

    /// Which tensors lie in which part: at least one part, and in each at least one tensor if any.
    fn ranges(&self, max_tensors: usize, max_bytes: u64) -> Result<Vec<Range<usize>>> {
        let alignment = self.alignment()?;
        let mut ranges = Vec::new();
        let (mut start, mut bytes) = (0, 0u64);
        for (at, tensor) in self.tensors.iter().enumerate() {
            let size = tensor.size.saturating_add(alignment - 1) / alignment * alignment;
            let full = at - start >= max_tensors || bytes.saturating_add(size) > max_bytes;
            if full && at > start {
                ranges.push(start..at);
                (start, bytes) = (at, 0);
            }
            bytes = bytes.saturating_add(size);
        }
        ranges.push(start..self.tensors.len());
        Ok(ranges)
    }
}

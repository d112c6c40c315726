//! Splitting a model into several files.

use super::container::ALIGNMENT_KEY;
use super::split::{COUNT, NO, TENSORS};
use super::write::Writer;
use crate::reserve::within;
use crate::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

impl<'a> Writer<'a> {
    /// Splits the model into parts of at most `max_tensors` tensors and `max_bytes` bytes of data, each a file to be
    /// written under its [`part_name`](super::part_name). A larger tensor gets a part of its own. A model that fits into
    /// one part stays a plain file.
    ///
    /// The parts borrow the bytes of tensors; declared tensors stay declared.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 65 535 parts.
    pub fn split(&self, max_tensors: usize, max_bytes: u64) -> Result<Vec<Writer<'_>>> {
        self.parts(self.ranges(max_tensors, max_bytes)?)
    }

    /// Splits the model into parts with the given numbers of tensors, in order. A part of 0 tensors holds only keys.
    ///
    /// # Errors
    /// [`Error::Argument`] if the counts do not add up to all tensors, and the errors of [`split`](Writer::split).
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
        within("the number of parts", ranges.len() as u64, u16::MAX.into())?;
        let count = ranges.len() as u16;
        let all = self.tensors.len();
        within("the number of tensors of a split model", all as u64, i32::MAX as u64)?;
        let total = all as i32;
        let mut parts = Vec::new();
        for (no, range) in (0..count).zip(ranges) {
            let mut part = Writer::new();
            for (key, value) in &self.metadata {
                let of_split = [NO, COUNT, TENSORS].contains(&key.as_str());
                // The first part has all keys; the others need the alignment.
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

    /// The tensors of each part: at least one part, with at least one tensor each if there are any.
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

//! Code that the targets share.

mod checkpoint;

pub use checkpoint::checkpoint;

use cap::Cap;
use std::alloc::System;

/// More memory than this at once is a crash. libFuzzer's limit on allocations needs a sanitizer,
/// which needs nightly Rust.
const MEMORY: usize = 256 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MEMORY);

/// Numbers chosen by the first bytes of an input.
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Choices { rest }
    }

    /// The next byte; 0 where none remain.
    pub fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        usize::from(*first)
    }

    /// The remaining bytes, repeated; zeros where none remain.
    pub fn fill(&self, len: usize) -> Vec<u8> {
        let rest = if self.rest.is_empty() { &[0] } else { self.rest };
        rest.iter().copied().cycle().take(len).collect()
    }

    /// The same as floats.
    pub fn floats(&self, len: usize) -> Vec<f32> {
        let bytes = self.fill(4 * len);
        let (words, _) = bytes.as_chunks();
        words.iter().map(|w| f32::from_le_bytes(*w)).collect()
    }
}

pub fn all_finite(numbers: &[f32]) -> bool {
    numbers.iter().all(|x| x.is_finite())
}

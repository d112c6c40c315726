//! Decoding of whole rows, compiled for each level of SIMD, for the CPU product.
//!
//! A format's `codes` and `affine` decode one block, and a function call for each is expensive on a CPU, where 32
//! weights are multiplied in a few instructions. Here both are inlined into a loop over the blocks of a row, and the
//! loop is compiled for AVX-512, for AVX2 and for the baseline of the target.

use crate::Group;
use crate::family::{Affine, PART, Spans, span_of};

/// A `codes` or `affine` without the SIMD token of its first parameter. A macro, because a `fn` pointer in a static
/// cannot capture `$function`, and a generic wrapper cannot take a function as a parameter.
macro_rules! plain {
    ($function:expr) => {
        |block, second| $crate::simd::at_baseline!(simd => $function(simd, block, second))
    };
}
pub(crate) use plain;

/// The `unpack` of a format with blocks of `$len` weights in `$bytes` bytes. A macro for the reason given at `plain!`,
/// and because `$codes` must be inlined into the loop that is compiled for each level.
macro_rules! rows {
    ($len:expr, $bytes:expr, $group:expr, $codes:expr, $affine:expr) => {
        Some(|level, _, row, spans| {
            $crate::simd::at_level!(
                level,
                simd => $crate::formats::rows::fixed(
                    [$len, $bytes, $group],
                    row,
                    spans,
                    #[inline(always)]
                    |block, codes| $codes(simd, block, codes),
                    #[inline(always)]
                    |block, g| $affine(simd, block, g)
                )
            )
        })
    };
}
pub(crate) use rows;

/// The most groups in one block.
const GROUPS: usize = 16;

#[inline(always)]
pub(crate) fn fixed(
    [len, bytes, group]: [usize; 3],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8], usize) -> Affine,
) {
    let per_group = group / span_of(Group::Len(group));
    let groups = len / group;
    if groups * per_group == 1 {
        return blocks([len, bytes], row, spans, codes, |block| affine(block, 0));
    }
    let mut scales = spans.scales.chunks_exact_mut(groups * per_group);
    let mut offsets = spans.offsets.chunks_exact_mut(groups * per_group);
    // One loop for codes and scales: in separate loops the compiler gathers bytes of many blocks, which is slower.
    for (block, out) in row.chunks_exact(bytes).zip(spans.codes.chunks_exact_mut(len)) {
        codes(block, out);
        // All are read before any is written: the compiler cannot know that scales do not alias the block, and would
        // read the fields that groups share again for each group.
        let mut read = [0f32; GROUPS];
        if let Some(scales) = scales.next() {
            for (g, scale) in read[..groups].iter_mut().enumerate() {
                *scale = affine(block, g).scale;
            }
            for (scales, scale) in scales.chunks_exact_mut(per_group).zip(read) {
                scales.fill(scale);
            }
        }
        // Empty for a format without offsets.
        if let Some(offsets) = offsets.next() {
            for (g, offset) in read[..groups].iter_mut().enumerate() {
                *offset = affine(block, g).offset;
            }
            for (offsets, offset) in offsets.chunks_exact_mut(per_group).zip(read) {
                offsets.fill(offset);
            }
        }
    }
}

/// Blocks of one span each, in a loop without branches for optional parts of a format.
#[inline(always)]
fn blocks(
    [len, bytes]: [usize; 2],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8]) -> Affine,
) {
    let stored = row.chunks_exact(bytes);
    let stored = stored.zip(spans.codes.chunks_exact_mut(len));
    if spans.scales.is_empty() {
        for (block, out) in stored {
            codes(block, out);
        }
        return;
    }
    let stored = stored.zip(spans.scales);
    if spans.offsets.is_empty() {
        for ((block, out), scale) in stored {
            codes(block, out);
            *scale = affine(block).scale;
        }
        return;
    }
    for (((block, out), scale), offset) in stored.zip(spans.offsets) {
        codes(block, out);
        let a = affine(block);
        (*scale, *offset) = (a.scale, a.offset);
    }
}

/// Only for rows of whole groups.
#[inline(always)]
pub(crate) fn grouped(
    group: Group,
    [header, bits]: [usize; 2],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8]) -> Affine,
) {
    let len = match group {
        Group::Len(len) => len,
        _ => spans.codes.len(),
    };
    let bytes = header + (len * bits).div_ceil(8);
    // The default group has the length of a part; as a constant it gets a loop of its own.
    match len {
        PART => blocks([PART, bytes], row, spans, codes, affine),
        len => groups([len, bytes, len.div_ceil(span_of(group))], row, spans, codes, affine),
    }
}

#[inline(always)]
fn groups(
    [len, bytes, per_group]: [usize; 3],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8]) -> Affine,
) {
    let mut scales = spans.scales.chunks_exact_mut(per_group);
    let mut offsets = spans.offsets.chunks_exact_mut(per_group);
    for (block, out) in row.chunks_exact(bytes).zip(spans.codes.chunks_exact_mut(len)) {
        codes(block, out);
        let Affine { scale, offset } = affine(block);
        if let Some(scales) = scales.next() {
            scales.fill(scale);
        }
        if let Some(offsets) = offsets.next() {
            offsets.fill(offset);
        }
    }
}

//! Decoding of whole rows, compiled for each level of SIMD, for the CPU product.
//!
//! A format's `codes` and `affine` decode one block, and a function call for each is expensive on a CPU, where 32
//! weights are multiplied in a few instructions. Here both are inlined into a loop over the blocks of a row, and the
//! loop is compiled for AVX-512, for AVX2 and for the baseline of the target.

use crate::Group;
use crate::family::{Affine, PART, Spans, span_of};

/// Runs an expression compiled for the level, with `$simd` as its token; all functions that it calls must be
/// `#[inline(always)]`. Like `fearless_simd::dispatch`, except that SSE4.2 machines (before 2013) run the SSE2 code,
/// which saves a third of the code to compile.
macro_rules! at_level {
    ($level:expr, $simd:ident => $operation:expr) => {{
        #[cfg(target_arch = "x86_64")]
        {
            use fearless_simd::Simd;
            if let Some($simd) = $level.as_avx512() {
                return $simd.vectorize(
                    #[inline(always)]
                    || $operation,
                );
            }
            if let Some($simd) = $level.as_avx2() {
                return $simd.vectorize(
                    #[inline(always)]
                    || $operation,
                );
            }
        }
        // Other targets have one level.
        let _ = $level;
        $crate::formats::rows::at_baseline!($simd => $operation)
    }};
}
pub(crate) use at_level;

/// Runs an expression compiled for the baseline of the target.
macro_rules! at_baseline {
    ($simd:ident => $operation:expr) => {{
        let level = fearless_simd::Level::baseline();
        // `dispatch` would also compile for all higher levels.
        #[cfg(target_arch = "x86_64")]
        {
            let $simd = level.as_sse2().expect("x86-64 has SSE2");
            $operation
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            fearless_simd::dispatch!(level, $simd => $operation)
        }
    }};
}
pub(crate) use at_baseline;

/// A `codes` or `affine` without the SIMD token of its first parameter. A macro, because a `fn` pointer in a static
/// cannot capture `$function`, and a generic wrapper cannot take a function as a parameter.
macro_rules! plain {
    ($function:expr) => {
        |block, second| $crate::formats::rows::at_baseline!(simd => $function(simd, block, second))
    };
}
pub(crate) use plain;

/// The `unpack` of a format with blocks of `$len` weights in `$bytes` bytes. A macro for the reason given at `plain!`,
/// and because `$codes` must be inlined into the loop that is compiled for each level.
macro_rules! rows {
    ($len:expr, $bytes:expr, $group:expr, $codes:expr, $affine:expr) => {
        Some(|level, _, row, spans| {
            $crate::formats::rows::at_level!(
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

/// The `unpack` of a family: blocks of one group, `$header` bytes and `$bits` for each weight.
macro_rules! grouped_rows {
    ($header:expr, $bits:expr, $codes:expr, $affine:expr) => {
        Some(|level, group, row, spans| {
            $crate::formats::rows::at_level!(
                level,
                simd => $crate::formats::rows::grouped(
                    group,
                    [$header, $bits],
                    row,
                    spans,
                    #[inline(always)]
                    |block, codes| $codes(simd, block, codes),
                    #[inline(always)]
                    |block| $affine(simd, block, 0)
                )
            )
        })
    };
}
pub(crate) use grouped_rows;

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

//! Whole rows at once, compiled for each level of SIMD: what the CPU product reads.
//!
//! A format's `codes` and `affine` take one block, and a call for each is dear on a processor: 32 weights
//! are multiplied in the time of a few instructions. Here both are inlined into a loop over the blocks of
//! a row, and the loop is compiled for AVX-512, for AVX2 and for what every machine of the target has.

use crate::family::{span_of, Affine, Spans};

/// Runs an expression compiled for the level; all that it calls must be `#[inline(always)]`.
macro_rules! at_level {
    ($level:expr, $operation:expr) => {{
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            use fearless_simd::Simd;
            if let Some(avx512) = $level.as_avx512() {
                return avx512.vectorize(
                    #[inline(always)]
                    || $operation,
                );
            }
            if let Some(avx2) = $level.as_avx2() {
                return avx2.vectorize(
                    #[inline(always)]
                    || $operation,
                );
            }
        }
        let _ = $level;
        $operation
    }};
}
pub(crate) use at_level;

/// The `unpack` of a format with blocks of `$len` weights in `$bytes` bytes.
macro_rules! rows {
    ($len:expr, $bytes:expr, $group:expr, $codes:expr, $affine:expr) => {
        Some(|level, _, row, spans| {
            $crate::formats::rows::at_level!(
                level,
                $crate::formats::rows::fixed([$len, $bytes, $group], row, spans, $codes, $affine)
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
                $crate::formats::rows::grouped(
                    group,
                    [$header, $bits],
                    row,
                    spans,
                    $codes,
                    $affine
                )
            )
        })
    };
}
pub(crate) use grouped_rows;

#[inline(always)]
pub(crate) fn fixed(
    [len, bytes, group]: [usize; 3],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8], usize) -> Affine,
) {
    let span = span_of(group);
    let blocks = row.chunks_exact(bytes);
    for (block, out) in blocks.clone().zip(spans.codes.chunks_exact_mut(len)) {
        codes(block, out);
    }
    let scales = spans.scales.chunks_exact_mut(len / span);
    for (block, scales) in blocks.clone().zip(scales) {
        for (g, scales) in scales.chunks_exact_mut(group / span).enumerate() {
            scales.fill(affine(block, g).scale);
        }
    }
    // Empty where the format has none.
    let offsets = spans.offsets.chunks_exact_mut(len / span);
    for (block, offsets) in blocks.zip(offsets) {
        for (g, offsets) in offsets.chunks_exact_mut(group / span).enumerate() {
            offsets.fill(affine(block, g).offset);
        }
    }
}

#[inline(always)]
pub(crate) fn grouped(
    group: usize,
    [header, bits]: [usize; 2],
    row: &[u8],
    spans: Spans,
    codes: impl Fn(&[u8], &mut [i8]),
    affine: impl Fn(&[u8], usize) -> Affine,
) {
    let len = if group == 0 { spans.codes.len() } else { group };
    let bytes = header + (len * bits).div_ceil(8);
    let per = len.div_ceil(span_of(group));
    // The last block of a row may be short.
    for (block, out) in row.chunks(bytes).zip(spans.codes.chunks_mut(len)) {
        codes(block, out);
    }
    for (block, scales) in row.chunks(bytes).zip(spans.scales.chunks_mut(per)) {
        scales.fill(affine(block, 0).scale);
    }
    for (block, offsets) in row.chunks(bytes).zip(spans.offsets.chunks_mut(per)) {
        offsets.fill(affine(block, 0).offset);
    }
}

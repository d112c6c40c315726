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
                $crate::formats::rows::fixed(
                    [$len, $bytes, $group],
                    row,
                    spans,
                    #[inline(always)]
                    |block, codes| $codes(block, codes),
                    #[inline(always)]
                    |block, g| $affine(block, g)
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
                $crate::formats::rows::grouped(
                    group,
                    [$header, $bits],
                    row,
                    spans,
                    #[inline(always)]
                    |block, codes| $codes(block, codes),
                    #[inline(always)]
                    |block, g| $affine(block, g)
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
    let per_group = group / span_of(group);
    let per_block = len / span_of(group);
    // One loop for codes and scales: in one of their own the compiler gathers bytes of many blocks, which
    // is slower.
    let blocks = row
        .chunks_exact(bytes)
        .zip(spans.codes.chunks_exact_mut(len));
    for (b, (block, out)) in blocks.enumerate() {
        codes(block, out);
        let scales = &mut spans.scales[b * per_block..][..per_block];
        // Empty where the format has none.
        let has_offsets = !spans.offsets.is_empty();
        // All are read before any is written: the compiler cannot know that scales are not the block, and
        // would read the fields that groups share for each of them.
        let mut affines = [Affine {
            scale: 0.0,
            offset: 0.0,
        }; 16];
        for (g, a) in affines[..len / group].iter_mut().enumerate() {
            *a = affine(block, g);
        }
        for (g, a) in affines[..len / group].iter().enumerate() {
            scales[g * per_group..][..per_group].fill(a.scale);
            if has_offsets {
                spans.offsets[b * per_block + g * per_group..][..per_group].fill(a.offset);
            }
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
    let k = spans.codes.len();
    let len = if group == 0 { k } else { group };
    let bytes = header + (len * bits).div_ceil(8);
    let per_group = len.div_ceil(span_of(group));
    let has_offsets = !spans.offsets.is_empty();
    for g in 0..k.div_ceil(len) {
        // The last block of a row may be short.
        let block = &row[g * bytes..row.len().min((g + 1) * bytes)];
        codes(block, &mut spans.codes[g * len..k.min((g + 1) * len)]);
        let a = affine(block, 0);
        let at = g * per_group..spans.scales.len().min((g + 1) * per_group);
        for scale in &mut spans.scales[at.clone()] {
            *scale = a.scale;
        }
        if has_offsets {
            for offset in &mut spans.offsets[at] {
                *offset = a.offset;
            }
        }
    }
}

//! Blocks of a header and a stream of fields of 1 to 8 bits, lowest bits first: integers and small floats. The header of
//! one group is a scale and, for some formats, a second number of its type; `qzeros.rs` has one of its own.
//!
//! What tells one format from another are numbers here, not type parameters: there are a hundred families, and each
//! loop is compiled for every level of SIMD.

use super::bits;
use super::lanes;
use super::rows::grouped;
use super::scale::StoredScale;
use crate::Group;
use crate::family::{Affine, Spans};
use crate::simd::{at_baseline, at_level};
use fearless_simd::{Level, Simd};

/// What the loops know of a format.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    /// The bytes before the fields. With `affine`, one scale, or a scale and the second number.
    pub header: usize,
    /// A code is its field, or twice its field where fields are signs, less this; wrapping.
    pub offset: u8,
    pub signs: bool,
}

/// The `codes` of a family.
pub(crate) fn codes<const BITS: usize>(stream: Stream, block: &[u8], codes: &mut [i8]) {
    at_baseline!(simd => put::<_, BITS>(simd, stream, block, codes));
}

/// The `affine` of a family.
pub(crate) fn affine<S: StoredScale>(stream: Stream, block: &[u8]) -> Affine {
    at_baseline!(simd => numbers::<_, S>(simd, stream, block))
}

/// The `unpack` of a family.
pub(crate) fn unpack<const BITS: usize, S: StoredScale>(
    stream: Stream,
    level: Level,
    group: Group,
    row: &[u8],
    spans: Spans,
) {
    at_level!(
        level,
        simd => grouped(
            group,
            [stream.header, BITS],
            row,
            spans,
            #[inline(always)]
            |block, codes| put::<_, BITS>(simd, stream, block, codes),
            #[inline(always)]
            |block| numbers::<_, S>(simd, stream, block)
        )
    );
}

#[inline(always)]
pub(crate) fn put<V: Simd, const BITS: usize>(simd: V, stream: Stream, block: &[u8], codes: &mut [i8]) {
    let fields = &block[stream.header..];
    let double = (BITS == 1 && stream.signs) as u32;
    let (whole, tail) = codes.as_chunks_mut::<32>();
    for (codes, bytes) in whole.iter_mut().zip(fields.chunks_exact(4 * BITS)) {
        let fields = lanes::fields::<V, BITS>(simd, bytes);
        match BITS {
            1 => lanes::put(codes, fields << double, stream.offset),
            _ => lanes::put(codes, fields, stream.offset),
        }
    }
    let fields = &fields[4 * BITS * whole.len()..];
    for (i, code) in tail.iter_mut().enumerate() {
        *code = (bits::field::<BITS>(fields, i) << double).wrapping_sub(stream.offset) as i8;
    }
}

#[inline(always)]
fn numbers<V: Simd, S: StoredScale>(simd: V, stream: Stream, block: &[u8]) -> Affine {
    let one = S::TYPE.bytes();
    Affine {
        scale: S::TYPE.load_at(simd, block),
        offset: if stream.header > one {
            S::TYPE.load_at(simd, &block[one..])
        } else {
            0.0
        },
    }
}

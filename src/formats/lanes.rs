//! The fields of 32 weights in one vector, for the loops of `rows.rs`.
//!
//! Vectors are explicit here: the compiler vectorizes some of these loops and gathers single bytes in others, and small
//! changes alter which.

use fearless_simd::{prelude::*, u8x16, u8x32, u8x64, u64x4};

/// The low nibbles of sixteen bytes, then their high ones.
#[inline(always)]
pub(crate) fn nibbles<S: Simd>(simd: S, bytes: &[u8]) -> u8x32<S> {
    let bytes = u8x16::from_slice(simd, &bytes[..16]);
    (bytes & 15).combine(bytes >> 4)
}

/// The `BITS` bits from `shift` on of each of 32 bytes.
#[inline(always)]
pub(crate) fn field_at<S: Simd, const BITS: usize>(simd: S, bytes: &[u8], shift: usize) -> u8x32<S> {
    let bytes = u8x32::from_slice(simd, &bytes[..32]);
    (bytes >> shift as u32) & const { (1 << BITS) - 1 }
}

/// Bit pairs 0 to 3 of each of 32 bytes: the first and the second of all, then the third and the fourth.
#[inline(always)]
pub(crate) fn bit_pairs<S: Simd>(simd: S, bytes: &[u8]) -> [u8x64<S>; 2] {
    let bytes = u8x32::from_slice(simd, &bytes[..32]);
    let both = bytes.combine(bytes >> 2);
    [both & 3, (both >> 4) & 3]
}

/// The first 32 fields of a stream of `BITS`-bit fields, lowest bits first.
#[inline(always)]
pub(crate) fn fields<S: Simd, const BITS: usize>(simd: S, stream: &[u8]) -> u8x32<S> {
    match BITS {
        4 => {
            let bytes = u8x16::from_slice(simd, &stream[..16]);
            let (low, high) = (bytes & 15, bytes >> 4);
            low.zip_low(high).combine(low.zip_high(high))
        }
        8 => u8x32::from_slice(simd, &stream[..32]),
        _ => {
            let stream = &stream[..4 * BITS];
            let mut words = [0u64; 4];
            for (i, word) in words.iter_mut().enumerate() {
                let mut eight = [0; 8];
                eight[..BITS].copy_from_slice(&stream[BITS * i..][..BITS]);
                *word = u64::from_le_bytes(eight);
            }
            let apart = apart::<S, BITS>(u64x4::simd_from(simd, words));
            // The lowest byte of a word is its first, which vectors are agreed on everywhere.
            apart.bitcast()
        }
    }
}

/// Eight fields of `BITS` bits, moved apart into the bytes of their word: by fours, by twos, one by one.
#[inline(always)]
fn apart<S: Simd, const BITS: usize>(word: u64x4<S>) -> u64x4<S> {
    let bits = BITS as u32;
    let fours = const { (1u64 << (4 * BITS)) - 1 };
    let word = (word & fours) | ((word & (fours << (4 * bits))) << (32 - 4 * bits));
    let twos = const { ((1u64 << (2 * BITS)) - 1) * 0x0000_0001_0000_0001 };
    let word = (word & twos) | ((word & (twos << (2 * bits))) << (16 - 2 * bits));
    let ones = const { ((1u64 << BITS) - 1) * 0x0001_0001_0001_0001 };
    (word & ones) | ((word & (ones << bits)) << (8 - bits))
}

/// Codes from fields that lie `offset` higher.
#[inline(always)]
pub(crate) fn put<S: Simd>(codes: &mut [i8], fields: u8x32<S>, offset: u8) {
    (fields - offset).store_slice(bytemuck::cast_slice_mut(&mut codes[..32]));
}

/// Codes from bit pairs: 128 of every 32 bytes, the first pairs of all, then the second ..
#[inline(always)]
pub(crate) fn put_bit_pairs<S: Simd>(simd: S, codes: &mut [i8], bytes: &[u8], offset: u8) {
    for (bytes, codes) in bytes.chunks_exact(32).zip(codes.chunks_exact_mut(128)) {
        let [first, second] = bit_pairs(simd, bytes);
        put_64(&mut codes[..64], first, offset);
        put_64(&mut codes[64..], second, offset);
    }
}

/// Like [`put`], of 64 weights.
#[inline(always)]
pub(crate) fn put_64<S: Simd>(codes: &mut [i8], fields: u8x64<S>, offset: u8) {
    (fields - offset).store_slice(bytemuck::cast_slice_mut(&mut codes[..64]));
}

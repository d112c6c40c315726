//! The layout of 32 codes of 1 to 8 bits in device words.
//!
//! The twins are `shaders/codes/bits*.wgsl`. Weight 4j + b of a part is byte b of code word j, and
//! in each layout one shift and one mask turn a stored word into a code word.
//! Widths that are not a power of two are split into widths that are: 3 = 2 + 1, 7 = 4 + 2 + 1, low bits first.

use crate::family::{PART, Plane, Unit};
use crate::simd::at_level;
use fearless_simd::{Level, prelude::*, u8x32};

/// The device plane of codes of `bits` bits.
pub(crate) const fn plane(bits: usize) -> Plane {
    let (unit, units) = match bits {
        1 => (Unit::Word, 1),
        3 | 5 | 7 => (Unit::OddWords, bits),
        2 => (Unit::Vec2, 1),
        4 => (Unit::Vec4, 1),
        6 => (Unit::Vec2, 3),
        8 => (Unit::Vec4, 2),
        _ => panic!("codes have 1 to 8 bits"),
    };
    Plane { unit, units, per: PART }
}

/// Packs the codes of whole parts, `code + OFFSET` being an unsigned number of `BITS` bits, into `4 * BITS` bytes each.
/// One-bit codes may also be -1 and 1.
pub(crate) fn pack<const BITS: usize, const OFFSET: i8>(level: Level, codes: &[i8], units: &mut [u8]) {
    pack_from::<BITS>(level, OFFSET, codes, units);
}

/// Like [`pack`], for an offset that depends on more.
pub(crate) fn pack_from<const BITS: usize>(level: Level, offset: i8, codes: &[i8], units: &mut [u8]) {
    at_level!(level, simd => parts::<_, BITS>(simd, offset as u8, codes, units))
}

#[inline(always)]
fn parts<S: Simd, const BITS: usize>(simd: S, offset: u8, codes: &[i8], units: &mut [u8]) {
    let parts = codes.as_chunks::<PART>().0;
    for (codes, units) in parts.iter().zip(units.chunks_exact_mut(4 * BITS)) {
        let codes = u8x32::from_slice(simd, bytemuck::cast_slice(codes));
        let fields = match BITS {
            // -1 is 0 as well.
            1 => (codes + 1) >> 1,
            _ => codes + offset,
        };
        // Not a loop: the compiler would leave it one.
        let units = put::<_, BITS, 8>(fields, units);
        let units = put::<_, BITS, 4>(fields, units);
        let units = put::<_, BITS, 2>(fields, units);
        put::<_, BITS, 1>(fields, units);
    }
}

/// Puts those bits of 32 fields that the width has as a run of `RUN` bits, if it has, into as many words: that of field
/// `i` into byte `i % (4 * RUN)`, above those before it. Returns the units behind.
#[inline(always)]
fn put<S: Simd, const BITS: usize, const RUN: usize>(fields: u8x32<S>, units: &mut [u8]) -> &mut [u8] {
    if BITS & RUN == 0 {
        return units;
    }
    let (units, behind) = units.split_at_mut(4 * RUN);
    // Longer runs hold the lower bits.
    let lower = const { (BITS & !(2 * RUN - 1)) as u32 };
    let fields = (fields >> lower) & const { 0xff >> (8 - RUN) };
    // Each step lays the upper half of the bytes over the lower, between its bits.
    let (low, high) = fields.split();
    let half = low | (high << 4);
    match RUN {
        8 => fields.store_slice(units),
        4 => half.store_slice(units),
        _ => {
            let half = u128::from_le_bytes(half.into());
            let quarter = half as u64 | ((half >> 64) as u64) << 2;
            match RUN {
                2 => units.copy_from_slice(&quarter.to_le_bytes()),
                _ => units.copy_from_slice(&(quarter as u32 | ((quarter >> 32) as u32) << 1).to_le_bytes()),
            }
        }
    }
    behind
}

/// Field `i` of a stream of `BITS`-bit fields, lowest bits first, that may cross bytes.
#[inline(always)]
pub(crate) fn field<const BITS: usize>(stream: &[u8], i: usize) -> u8 {
    field_of(stream, BITS, i)
}

/// Like [`field`], where only the caller knows how many bits.
#[inline(always)]
pub(crate) fn field_of(stream: &[u8], bits: usize, i: usize) -> u8 {
    let at = i * bits;
    let low = stream[at / 8] as u16;
    // A field that ends within its byte must not read the next, which may not be there.
    let high = if at % 8 + bits > 8 {
        stream[at / 8 + 1] as u16
    } else {
        0
    };
    (((low | high << 8) >> (at % 8)) & ((1 << bits) - 1)) as u8
}

/// Sets field `i` of a stream of zeros.
#[inline(always)]
pub(crate) fn set_field<const BITS: usize>(stream: &mut [u8], i: usize, value: u8) {
    set_field_of(stream, BITS, i, value);
}

/// Like [`set_field`], where only the caller knows how many bits.
#[inline(always)]
pub(crate) fn set_field_of(stream: &mut [u8], bits: usize, i: usize, value: u8) {
    let at = i * bits;
    let wide = (value as u16) << (at % 8);
    stream[at / 8] |= wide as u8;
    if at % 8 + bits > 8 {
        stream[at / 8 + 1] |= (wide >> 8) as u8;
    }
}

/// How the shaders of 5-bit codes spread their high bits.
pub(crate) const FIFTH: (&str, &str) = ("codes/fifth.wgsl", include_str!("../../shaders/codes/fifth.wgsl"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CpuLevel;
    use crate::random::SplitMix64;

    fn every_field_is_in_its_place<const BITS: usize>() {
        let mut random = SplitMix64::new(BITS as u64);
        let codes: Vec<i8> = (0..2 * PART)
            .map(|_| (random.bits() as u8 >> (8 - BITS)) as i8)
            .collect();
        for level in CpuLevel::all() {
            has_fields::<BITS>(level, &codes);
        }
    }

    fn has_fields<const BITS: usize>(level: CpuLevel, codes: &[i8]) {
        let mut units = vec![0xff; 8 * BITS];
        pack::<BITS, 0>(level.0, codes, &mut units);
        for (codes, mut words) in codes.chunks(PART).zip(units.chunks(4 * BITS)) {
            let mut shift = 0;
            for run in [8, 4, 2, 1].into_iter().filter(|run| BITS & run != 0) {
                let mask = 0xff >> (8 - run);
                for (i, &code) in codes.iter().enumerate() {
                    let (j, b) = (i / 4, i % 4);
                    let stored = words[4 * (j % run) + b] >> (run * (j / run));
                    assert_eq!(
                        stored & mask,
                        code as u8 >> shift & mask,
                        "{level:?}, {BITS} bits, weight {i}"
                    );
                }
                words = &words[4 * run..];
                shift += run;
            }
        }
    }

    #[test]
    fn fields_are_where_shaders_read_them() {
        every_field_is_in_its_place::<1>();
        every_field_is_in_its_place::<2>();
        every_field_is_in_its_place::<3>();
        every_field_is_in_its_place::<4>();
        every_field_is_in_its_place::<5>();
        every_field_is_in_its_place::<6>();
        every_field_is_in_its_place::<7>();
        every_field_is_in_its_place::<8>();
    }
}

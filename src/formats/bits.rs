//! The layout of 32 codes of 1 to 8 bits in device words.
//!
//! The twins are `shaders/codes/bits*.wgsl`. Weight 4j + b of a part is byte b of code word j, and
//! in each layout one shift and one mask turn a stored word into a code word.
//! Widths that are not a power of two are split into widths that are: 3 = 2 + 1, 7 = 4 + 2 + 1, low bits first.

use crate::family::{PART, Plane, Unit};

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

/// Packs 32 codes, `code + OFFSET` being an unsigned number of `BITS` bits, into `4 * BITS` bytes.
/// One-bit codes may also be -1 and 1.
pub(crate) fn pack<const BITS: usize, const OFFSET: i8>(codes: &[i8], units: &mut [u8]) {
    pack_from::<BITS>(OFFSET, codes, units);
}

/// Like [`pack`], for an offset that depends on more.
#[inline(always)]
pub(crate) fn pack_from<const BITS: usize>(offset: i8, codes: &[i8], units: &mut [u8]) {
    units.fill(0);
    let mut shift = 0;
    let mut rest = units;
    for run in [8, 4, 2, 1] {
        if BITS & run == 0 {
            continue;
        }
        // 32 codes of `run` bits fill as many words.
        let (units, tail) = rest.split_at_mut(4 * run);
        rest = tail;
        for (i, &code) in codes.iter().enumerate() {
            let (j, byte) = (i / 4, i % 4);
            let field = match BITS {
                1 => (code > 0) as u8,
                _ => code.wrapping_add(offset) as u8 >> shift,
            };
            let field = field & (0xff >> (8 - run));
            // Code word j lies in stored word j % run, in the (j / run)th field of every byte.
            units[4 * (j % run) + byte] |= field << (run * (j / run) % 8);
        }
        shift += run;
    }
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

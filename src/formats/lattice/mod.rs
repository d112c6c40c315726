//! Common parts of the lattice formats (IQ1, IQ2, IQ3): eight or four weights are a point of a codebook, with separate
//! signs.

pub(crate) mod grids;

use std::sync::LazyLock;

/// The levels of IQ2, by the 2 bits of a coordinate.
const IQ2: [i8; 4] = [8, 25, 43, 0];
const IQ3_XXS: [i8; 8] = [4, 12, 20, 28, 36, 44, 52, 62];
const IQ3_S: [i8; 8] = [1, 3, 5, 7, 9, 11, 13, 15];

/// Eight weights: a point of IQ2 and a sign bit for each.
pub(super) fn iq2(point: u16, signs: u8, codes: &mut [i8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        *code = signed(IQ2[(point >> (2 * i)) as usize & 3], signs >> i);
    }
}

/// Four weights of IQ3_XXS.
pub(super) fn iq3_xxs(point: u16, signs: u8, codes: &mut [i8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        *code = signed(IQ3_XXS[(point >> (3 * i)) as usize & 7], signs >> i);
    }
}

/// Four weights of IQ3_S.
pub(super) fn iq3_s(point: u16, signs: u8, codes: &mut [i8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        *code = signed(IQ3_S[(point >> (3 * i)) as usize & 7], signs >> i);
    }
}

/// Eight weights of IQ1, in eighths: -1, 0 or 1, moved by an eighth up or down.
pub(super) fn iq1(point: u16, down: bool, codes: &mut [i8]) {
    let shift = if down { -1 } else { 1 };
    for (i, code) in codes.iter_mut().enumerate() {
        *code = 8 * ((point >> (2 * i)) as i8 & 3) - 8 + shift;
    }
}

fn signed(level: i8, sign: u8) -> i8 {
    if sign & 1 == 1 { -level } else { level }
}

/// Eight sign bits from seven: the last makes the number of minus signs even.
pub(super) fn even_signs(seven: u8) -> u8 {
    seven | ((seven.count_ones() as u8 & 1) << 7)
}

/// A little-endian word of a block.
pub(super) fn word(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

pub(super) fn half_word(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([block[at], block[at + 1]])
}

/// A codebook as the device has it: entries of 16 bits, two to a word.
fn pairs(grid: &[u16]) -> Vec<u32> {
    let pair = |p: &[u16]| p[0] as u32 | (p[1] as u32) << 16;
    grid.chunks(2).map(pair).collect()
}

/// Coordinate i next to 4 + i, so that a point spread into nibbles has one word in the low ones, one in the high ones.
fn interleaved(point: u16) -> u16 {
    let pair = |i: usize| (point >> (2 * i) & 3) | (point >> (8 + 2 * i) & 3) << 2;
    (0..4).fold(0, |fields, i| fields | pair(i) << (4 * i))
}

/// A codebook of IQ3 as the device has it: the levels of four weights, a byte each.
fn quads(grid: &[u16], levels: [i8; 8]) -> Vec<u32> {
    let word = |point: &u16| {
        let level = |i: usize| levels[(point >> (3 * i)) as usize & 7] as u8;
        u32::from_le_bytes(std::array::from_fn(level))
    };
    grid.iter().map(word).collect()
}

macro_rules! tables {
    ($($function:ident: $words:expr;)+) => {$(
        pub(super) fn $function() -> &'static [u32] {
            static WORDS: LazyLock<Vec<u32>> = LazyLock::new(|| $words);
            &WORDS
        }
    )+};
}
tables! {
    iq1_s_words: pairs(&grids::IQ1_S.map(interleaved));
    iq2_xxs_words: pairs(&grids::IQ2_XXS);
    iq2_xs_words: pairs(&grids::IQ2_XS);
    iq2_s_words: pairs(&grids::IQ2_S);
    iq3_xxs_words: quads(&grids::IQ3_XXS, IQ3_XXS);
    iq3_s_words: quads(&grids::IQ3_S, IQ3_S);
}

/// Packs low bytes of indices, and a word of signs for each part, three words a part.
pub(super) fn pack_quads(low: &[u8], signs: impl Fn(usize) -> u32, units: &mut [u8]) {
    for (part, (low, units)) in low.chunks(8).zip(units.chunks_mut(12)).enumerate() {
        units[..8].copy_from_slice(low);
        units[8..].copy_from_slice(&signs(part).to_le_bytes());
    }
}

/// The bit of weight 4j + b as bit 8b + 4 · (j % 2) + j / 2: one shift then gives the bits of a code word, one to a byte,
/// and the last weight of each eight has one of the top four.
pub(super) fn by_bytes(bits: u32) -> u32 {
    (0..4).fold(0, |word, b| {
        let every = (bits >> b) & 0x1111_1111;
        let byte = (every | every >> 7 | every >> 14 | every >> 21) & 0xff;
        word | byte << (8 * b)
    })
}

/// Four times seven signs, by bytes. The four bits above them stay.
pub(super) fn signs28(fields: u32) -> u32 {
    let spread = |o: usize| ((fields >> (7 * o)) & 127) << (8 * o);
    by_bytes(spread(0) | spread(1) | spread(2) | spread(3)) | fields >> 28 << 28
}

macro_rules! files {
    ($($name:ident $path:literal;)+) => {$(
        pub(super) const $name: (&str, &str) = (
            concat!("codes/", $path),
            include_str!(concat!("../../../shaders/codes/", $path)),
        );
    )+};
}
// The WGSL twins of this file.
files! {
    SHADER_IQ1 "iq1.wgsl";
    SHADER_IQ2 "iq2.wgsl";
    SHADER_IQ3 "iq3.wgsl";
    SHADER_SIGNS28 "signs28.wgsl";
}

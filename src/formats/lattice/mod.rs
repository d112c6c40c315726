//! Common parts of the lattice formats (IQ1, IQ2, IQ3): eight or four weights are a point of a codebook, with separate
//! signs.

pub(crate) mod grids;

use std::sync::LazyLock;

/// The levels of IQ2, by the 2 bits of a coordinate.
const IQ2: [i8; 4] = [8, 25, 43, 0];
const IQ3_XXS: [i8; 8] = [4, 12, 20, 28, 36, 44, 52, 62];
const IQ3_S: [i8; 8] = [1, 3, 5, 7, 9, 11, 13, 15];

/// The levels of `N` coordinates of `bits` bits, a byte each, by the fields of all of them.
const fn levels_of<const N: usize, const POINTS: usize>(levels: &[i8], bits: usize) -> [[u8; N]; POINTS] {
    let mut table = [[0; N]; POINTS];
    let mut point = 0;
    while point < POINTS {
        let mut i = 0;
        while i < N {
            table[point][i] = levels[(point >> (bits * i)) & (levels.len() - 1)] as u8;
            i += 1;
        }
        point += 1;
    }
    table
}

/// All ones in each byte whose bit is set.
const MASKS: [u64; 256] = {
    let mut masks = [0; 256];
    let mut signs = 0;
    while signs < 256 {
        let mut i = 0;
        while i < 8 {
            if (signs >> i) & 1 == 1 {
                masks[signs] |= 0xff << (8 * i);
            }
            i += 1;
        }
        signs += 1;
    }
    masks
};

const FOURS_IQ2: [[u8; 4]; 256] = levels_of(&IQ2, 2);
const FOURS_IQ1: [[u8; 4]; 256] = levels_of(&[-8, 0, 8, 16], 2);
const PAIRS_IQ3_XXS: [[u8; 2]; 64] = levels_of(&IQ3_XXS, 3);
const PAIRS_IQ3_S: [[u8; 2]; 64] = levels_of(&IQ3_S, 3);

/// Levels of at most 127, negative where their bit of `signs` is set: eight bytes at once, since a lane of a decoder
/// would spend more on a weight than the product does.
fn signed(levels: u64, signs: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mask = MASKS[signs as usize];
    let flipped = levels ^ mask;
    // A carry out of a byte would reach the next one: the top bits are added apart.
    ((flipped & (0x7f * ONES)) + (mask & ONES)) ^ (flipped & (0x80 * ONES))
}

fn eight(low: [u8; 4], high: [u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(low)) | u64::from(u32::from_le_bytes(high)) << 32
}

fn store(bytes: u64, codes: &mut [i8]) {
    let bytes = bytes.to_le_bytes();
    for (code, byte) in codes.iter_mut().zip(bytes) {
        *code = byte as i8;
    }
}

/// Eight weights: a point of IQ2 and a sign bit for each.
pub(super) fn iq2(point: u16, signs: u8, codes: &mut [i8]) {
    let [low, high] = point.to_le_bytes().map(|fields| FOURS_IQ2[fields as usize]);
    store(signed(eight(low, high), signs), codes);
}

/// Four weights of IQ3_XXS.
pub(super) fn iq3_xxs(point: u16, signs: u8, codes: &mut [i8]) {
    iq3(&PAIRS_IQ3_XXS, point, signs, codes);
}

/// Four weights of IQ3_S.
pub(super) fn iq3_s(point: u16, signs: u8, codes: &mut [i8]) {
    iq3(&PAIRS_IQ3_S, point, signs, codes);
}

fn iq3(pairs: &[[u8; 2]; 64], point: u16, signs: u8, codes: &mut [i8]) {
    let [a, b] = pairs[point as usize & 63];
    let [c, d] = pairs[(point >> 6) as usize & 63];
    store(signed(eight([a, b, c, d], [0; 4]), signs & 15), codes);
}

/// Eight weights of IQ1, in eighths: -1, 0 or 1, moved by an eighth up or down.
pub(super) fn iq1(point: u16, down: bool, codes: &mut [i8]) {
    let shift = if down { -1 } else { 1 };
    let [low, high] = point.to_le_bytes().map(|fields| FOURS_IQ1[fields as usize]);
    store(eight(low, high), codes);
    codes.iter_mut().for_each(|code| *code += shift);
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

//! Streams of fields of 1 to 8 bits, lowest bits first, as most tools pack them.

use crate::Result;
use crate::linear::part;

/// The product of sizes, saturated, so that no slice has its length if it overflows.
pub(super) fn size(factors: &[usize]) -> usize {
    factors.iter().fold(1, |all, &f| all.saturating_mul(f))
}

/// Checks the number of bytes of a part.
pub(super) fn bytes(at: &str, expected: usize, got: &[u8]) -> Result<()> {
    if got.len() != expected {
        return Err(part(at, "its bytes", expected, got.len()));
    }
    Ok(())
}

/// Checks that the tool packs fields of this many bits.
pub(super) fn check_bits(bits: usize, allowed: &[usize]) -> Result<()> {
    if !allowed.contains(&bits) {
        return Err(part("the layout", "bits", format!("one of {allowed:?}"), bits));
    }
    Ok(())
}

/// Word `i` of little-endian words of 32 bits.
pub(super) fn word(words: &[u8], i: usize) -> u32 {
    let w = &words[4 * i..4 * i + 4];
    u32::from_le_bytes([w[0], w[1], w[2], w[3]])
}

/// Field `i` of a stream of words that hold whole fields and padding.
pub(super) fn padded_field(words: &[u8], bits: usize, i: usize) -> u8 {
    let per_word = 32 / bits;
    let word = word(words, i / per_word);
    (word >> (bits * (i % per_word))) as u8 & mask(bits) as u8
}

/// Field `i` of a dense stream that runs down column `column` of a matrix of `columns` words a row.
pub(super) fn column_field(words: &[u8], bits: usize, i: usize, column: usize, columns: usize) -> u8 {
    let (row, shift) = (i * bits / 32, i * bits % 32);
    let mut field = word(words, row * columns + column) >> shift;
    if shift + bits > 32 {
        field |= word(words, (row + 1) * columns + column) << (32 - shift);
    }
    field as u8 & mask(bits) as u8
}

/// A mask of `bits` ones.
pub(super) fn mask(bits: usize) -> u16 {
    (1 << bits) - 1
}

/// Writes fields to a stream of zeros.
pub(super) fn write(bits: usize, fields: &[u8], stream: &mut [u8]) {
    if bits == 8 {
        return stream.copy_from_slice(fields);
    }
    let (mut held, mut have, mut at) = (0u32, 0, 0);
    for &field in fields {
        held |= (field as u32) << have;
        have += bits;
        while have >= 8 {
            stream[at] = held as u8;
            (held, have, at) = (held >> 8, have - 8, at + 1);
        }
    }
    if have > 0 {
        stream[at] = held as u8;
    }
}

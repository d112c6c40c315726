//! Streams of codes in 32-bit words, lowest bits first; a code can cross a word boundary.

/// The words of `count` codes.
pub(super) fn words(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(32)
}

/// Writes code `i` where the words are zero; does nothing for codes of 0 bits.
pub(super) fn put(words: &mut [u32], i: usize, bits: u32, code: u32) {
    if bits == 0 {
        return;
    }
    let (at, shift) = (i * bits as usize / 32, i * bits as usize % 32);
    let code = u64::from(code) << shift;
    words[at] |= code as u32;
    if code >> 32 != 0 {
        words[at + 1] |= (code >> 32) as u32;
    }
}

/// Reads code `i`; 0 for codes of 0 bits.
pub(super) fn get(words: &[u32], i: usize, bits: u32) -> u32 {
    if bits == 0 {
        return 0;
    }
    let (at, shift) = (i * bits as usize / 32, i * bits as usize % 32);
    let next = words.get(at + 1).copied().unwrap_or(0);
    let both = u64::from(words[at]) | u64::from(next) << 32;
    (both >> shift) as u32 & ((1 << bits) - 1)
}

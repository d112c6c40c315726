// The signs of a part of which each eight weights have an even number: the last has none of its own. Bit
// 8b + 4 · (j % 2) + j / 2 is the sign of weight 4j + b, so that the four bits that hold none are the top ones.

fn all_signs(word: u32) -> u32 {
    let stored = word & 0x0fffffffu;
    // Bit o becomes the parity of bits o and 4 + o of all bytes, which are the signs of octet o.
    var parity = stored ^ (stored >> 16u);
    parity ^= parity >> 8u;
    parity ^= parity >> 4u;
    return stored | (parity << 28u);
}

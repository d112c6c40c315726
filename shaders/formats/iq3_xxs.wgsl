// IQ3_XXS. Codes: 3 words a part, 0 and 1: eight indices of points, 2: signs, bit 8b + j for weight 4j + b. Of
// each eight weights the last has no sign of its own (minus signs are even in number): bits 25, 27, 29, 31 are
// a 4-bit scale. Scales: d (f16) for each 256.

const SCALE_BITS: u32 = 0xaa000000u;

// All 32 signs. Each code word's parity is gathered in byte 0; of two words it gives the sign of the last weight.
fn all_signs(word: u32) -> u32 {
    let stored = word & ~SCALE_BITS;
    var parity = stored ^ (stored >> 16u);
    parity ^= parity >> 8u;
    parity ^= parity >> 1u;
    return stored | ((parity << 25u) & SCALE_BITS);
}

fn codes(row: Row, part: u32) -> Codes {
    return quads(two_at(row, part, 0u), 0u, all_signs(last_at(row, part)));
}

fn affine(row: Row, group: u32) -> Affine {
    let bits = (last_at(row, group) & SCALE_BITS) >> 25u;
    let scale = (bits & 1u) | ((bits >> 1u) & 2u) | ((bits >> 2u) & 4u) | ((bits >> 3u) & 8u);
    return Affine(scale_half(row, group / 8u) * (0.5 + f32(scale)) * 0.5, 0.0);
}

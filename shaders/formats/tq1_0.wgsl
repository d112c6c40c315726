// TQ1_0. Codes: 13 words for each 256 weights. Weights 64i to 64i + 63 are 16 code words: five base-3
// digits of every byte of words 3i, 3i + 1 and 3i + 2, then four digits of byte i of word 12.
// Digit 0 is the most significant. Scales: d (f16) for each 256.

// Base-3 fractions of four bytes, as two pairs of 16-bit halves (bytes 0 and 2, bytes 1 and 3).
fn halves(word: u32) -> vec2<u32> {
    return vec2<u32>(word & 0x00ff00ffu, (word >> 8u) & 0x00ff00ffu);
}

// One code word: the digits that times 3 carried out of the fractions, less 1.
fn digits(carried: vec2<u32>) -> u32 {
    let d = (carried >> vec2<u32>(8u)) & vec2<u32>(0x00030003u);
    return ((d.x | (d.y << 8u) | 0x80808080u) - 0x01010101u) ^ 0x80808080u;
}

fn codes(row: Row, part: u32) -> Codes {
    let unit = 13u * (part / 8u);
    let quarter = (part % 8u) / 2u;
    let mask = vec2<u32>(0x00ff00ffu);
    // Both halves of a 64 need the middle word: digits 0 to 2, or 3 and 4.
    let b0 = halves(code_at(row, unit + 3u * quarter + 1u)) * 3u;
    let b1 = (b0 & mask) * 3u;
    let b2 = (b1 & mask) * 3u;
    if (part % 2u == 0u) {
        let a0 = halves(code_at(row, unit + 3u * quarter)) * 3u;
        let a1 = (a0 & mask) * 3u;
        let a2 = (a1 & mask) * 3u;
        let a3 = (a2 & mask) * 3u;
        let a4 = (a3 & mask) * 3u;
        return Codes(
            vec4<u32>(digits(a0), digits(a1), digits(a2), digits(a3)),
            vec4<u32>(digits(a4), digits(b0), digits(b1), digits(b2)),
        );
    }
    let b3 = (b2 & mask) * 3u;
    let b4 = (b3 & mask) * 3u;
    let c0 = halves(code_at(row, unit + 3u * quarter + 2u)) * 3u;
    let c1 = (c0 & mask) * 3u;
    let c2 = (c1 & mask) * 3u;
    let c3 = (c2 & mask) * 3u;
    let c4 = (c3 & mask) * 3u;
    // The last code word: one byte's four digits, in turn.
    let t0 = ((code_at(row, unit + 12u) >> (8u * quarter)) & 0xffu) * 3u;
    let t1 = (t0 & 0xffu) * 3u;
    let t2 = (t1 & 0xffu) * 3u;
    let t3 = (t2 & 0xffu) * 3u;
    let tail = digits(vec2<u32>(t0 | (t2 << 16u), t1 | (t3 << 16u)));
    return Codes(
        vec4<u32>(digits(b3), digits(b4), digits(c0), digits(c1)),
        vec4<u32>(digits(c2), digits(c3), digits(c4), tail),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

// Integer levels from a table: LEVEL_WORDS has each of the 16 four times, as the bytes of a word, and
// LEVEL_FACTOR is what they were divided by.
//
// A tree of selects by bits, four weights at a time: where a bit of a code is set, its byte of the mask is.

fn mask_of(codes: u32, bit: u32) -> u32 {
    return ((codes >> bit) & 0x01010101u) * 0xffu;
}

fn pick(unset: u32, chosen: u32, mask: u32) -> u32 {
    return unset ^ ((unset ^ chosen) & mask);
}

fn level_word(codes: u32) -> u32 {
    let b0 = mask_of(codes, 0u);
    let b1 = mask_of(codes, 1u);
    let b2 = mask_of(codes, 2u);
    let p0 = pick(LEVEL_WORDS[0], LEVEL_WORDS[1], b0);
    let p1 = pick(LEVEL_WORDS[2], LEVEL_WORDS[3], b0);
    let p2 = pick(LEVEL_WORDS[4], LEVEL_WORDS[5], b0);
    let p3 = pick(LEVEL_WORDS[6], LEVEL_WORDS[7], b0);
    let p4 = pick(LEVEL_WORDS[8], LEVEL_WORDS[9], b0);
    let p5 = pick(LEVEL_WORDS[10], LEVEL_WORDS[11], b0);
    let p6 = pick(LEVEL_WORDS[12], LEVEL_WORDS[13], b0);
    let p7 = pick(LEVEL_WORDS[14], LEVEL_WORDS[15], b0);
    let q0 = pick(pick(p0, p1, b1), pick(p2, p3, b1), b2);
    let q1 = pick(pick(p4, p5, b1), pick(p6, p7, b1), b2);
    return pick(q0, q1, mask_of(codes, 3u));
}

fn level_words(row: Row, part: u32) -> Codes {
    let c = codes(row, part);
    return Codes(
        vec4<u32>(level_word(c.low.x), level_word(c.low.y), level_word(c.low.z), level_word(c.low.w)),
        vec4<u32>(level_word(c.high.x), level_word(c.high.y), level_word(c.high.z), level_word(c.high.w)),
    );
}

// Σ level · x from the sum of products of the bytes, and Σ x.
fn level_sum(d: i32, s: i32) -> f32 {
    return f32(d) * LEVEL_FACTOR;
}

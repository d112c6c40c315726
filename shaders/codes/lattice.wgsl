// Points of IQ1 and IQ2 as code words, four weights to a word.
//
// The table holds entries of 16 bits, two to a word: 8 coordinates of 2 bits.

fn point(i: u32) -> u32 {
    return (table[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
}

// Four fields of 2 bits, one to a byte.
fn spread2(fields: u32) -> u32 {
    let pairs = (fields | (fields << 12u)) & 0x000f000fu;
    return (pairs | (pairs << 6u)) & 0x03030303u;
}

// Four bits, one to a byte.
fn spread1(bits: u32) -> u32 {
    return ((bits & 15u) * 0x00204081u) & 0x01010101u;
}

// Eight sign bits from seven: the last makes the number of minus signs even.
fn even_signs(seven: u32) -> u32 {
    return seven | ((countOneBits(seven) & 1u) << 7u);
}

// Levels 8, 25, 43 of eight weights, without their signs.
fn iq2_levels(index: u32) -> vec2<u32> {
    let p = point(index);
    let l = vec2<u32>(spread2(p & 0xffu), spread2(p >> 8u));
    return 0x08080808u + l * 17u + ((l >> vec2<u32>(1u)) & vec2<u32>(0x01010101u));
}

// The same with signs, one bit each.
fn iq2_octet(index: u32, signs: u32) -> vec2<u32> {
    let levels = iq2_levels(index);
    return vec2<u32>(negate(levels.x, spread1(signs)), negate(levels.y, spread1(signs >> 4u)));
}

// Eighths of eight weights: -8, 0 or 8, and one more or less.
fn iq1_octet(index: u32, down: bool) -> vec2<u32> {
    let p = point(index);
    let levels = vec4<u32>(spread2(p & 0xffu), spread2(p >> 8u), 0u, 0u) * 8u;
    return subtract(levels, select(7u, 9u, down)).xy;
}

fn octets(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>, d: vec2<u32>) -> Codes {
    return Codes(vec4<u32>(a, b), vec4<u32>(c, d));
}

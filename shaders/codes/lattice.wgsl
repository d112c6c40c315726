// Points of the lattice formats (IQ1, IQ2, IQ3) as code words, four weights to a word.
//
// The table holds entries of 16 bits, two to a word: 8 coordinates of 2 bits, or 4 of 3.

fn point(i: u32) -> u32 {
    return (table[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
}

// Four fields of 2 bits, one to a byte.
fn spread2(fields: u32) -> u32 {
    let pairs = (fields | (fields << 12u)) & 0x000f000fu;
    return (pairs | (pairs << 6u)) & 0x03030303u;
}

// Four fields of 3 bits, one to a byte.
fn spread3(fields: u32) -> u32 {
    let pairs = (fields & 0x3fu) | ((fields & 0xfc0u) << 10u);
    return (pairs & 0x00070007u) | ((pairs & 0x00380038u) << 5u);
}

// Four bits, one to a byte.
fn spread1(bits: u32) -> u32 {
    return ((bits & 15u) * 0x00204081u) & 0x01010101u;
}

// Bytes of 1 to 127, negated where the bit is set.
fn negate(bytes: u32, bits: u32) -> u32 {
    let ones = spread1(bits);
    return (bytes ^ (ones * 255u)) + ones;
}

// Eight sign bits from seven: the last makes the number of minus signs even.
fn even_signs(seven: u32) -> u32 {
    return seven | ((countOneBits(seven) & 1u) << 7u);
}

// Levels 8, 25, 43 of eight weights.
fn iq2_octet(index: u32, signs: u32) -> vec2<u32> {
    let p = point(index);
    let l = vec2<u32>(spread2(p & 0xffu), spread2(p >> 8u));
    let levels = 0x08080808u + l * 17u + ((l >> vec2<u32>(1u)) & vec2<u32>(0x01010101u));
    return vec2<u32>(negate(levels.x, signs), negate(levels.y, signs >> 4u));
}

// Levels 4, 12, 20, .. 52 and 62 of four weights.
fn iq3_xxs_quad(index: u32, signs: u32) -> u32 {
    let l = spread3(point(index));
    let sevens = l & (l >> 1u) & (l >> 2u) & 0x01010101u;
    return negate(0x04040404u + l * 8u + sevens * 2u, signs);
}

// Levels 1, 3, .. 15 of four weights.
fn iq3_s_quad(index: u32, signs: u32) -> u32 {
    return negate(0x01010101u + spread3(point(index)) * 2u, signs);
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

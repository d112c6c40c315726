// IQ2: eight weights are a point whose coordinates are the levels 8, 25, 43, and a sign for each.
//
// The table holds entries of 16 bits, two to a word: 8 coordinates of 2 bits.

alias Point = vec2<u32>;

// Four fields of 2 bits, one to a byte.
fn spread2(fields: u32) -> u32 {
    let pairs = (fields | (fields << 12u)) & 0x000f000fu;
    return (pairs | (pairs << 6u)) & 0x03030303u;
}

// The levels of both code words, a byte each.
fn read_point(i: u32) -> Point {
    let p = (table[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
    let l = vec2<u32>(spread2(p & 0xffu), spread2(p >> 8u));
    return 0x08080808u + l * 17u + ((l >> vec2<u32>(1u)) & vec2<u32>(0x01010101u));
}

fn kept(p: Point) -> Point {
    return p | vec2<u32>(RAISED);
}

// Octet o of a part. Bits o and 4 + o of every byte of `signs` are the signs of its two code words.
fn octet(index: u32, signs: u32, o: u32) -> vec2<u32> {
    let p = point(index);
    return vec2<u32>(
        negate(p.x, (signs >> o) & 0x01010101u),
        negate(p.y, (signs >> (4u + o)) & 0x01010101u),
    );
}

fn octets(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>, d: vec2<u32>) -> Codes {
    return Codes(vec4<u32>(a, b), vec4<u32>(c, d));
}

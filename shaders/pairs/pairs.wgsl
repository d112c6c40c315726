// Two bytes in a word, 16 bits apart: one multiplication then makes two products and their sum.
//
// Where x has pairs (a in the high half, b in the low one) and the weights have them the other way round
// (c in the low half for a, d in the high one for b), the word product is, modulo 2^32,
// (a c + b d) · 2^16 + b c. Such products add up as words; of a sum whose high half and whose sum of b c
// both fit 16 bits with a sign, the high half is exact once the low one has been taken off.

struct Pairs {
    v: array<u32, 16>,
}

// Word 4j .. 4j + 3 as pairs 2j (bytes 0 and 2) and 2j + 1 (bytes 1 and 3).
fn pairs_of(even_low: vec4<u32>, odd_low: vec4<u32>, even_high: vec4<u32>, odd_high: vec4<u32>) -> Pairs {
    return Pairs(array<u32, 16>(
        even_low.x, odd_low.x, even_low.y, odd_low.y, even_low.z, odd_low.z, even_low.w, odd_low.w,
        even_high.x, odd_high.x, even_high.y, odd_high.y, even_high.z, odd_high.z, even_high.w, odd_high.w,
    ));
}

// Pairs of x, out of words of signed bytes.
fn even_pair(words: vec4<u32>) -> vec4<u32> {
    let v = bitcast<vec4<i32>>(words);
    let high = (v << vec4<u32>(24u)) >> vec4<u32>(8u);
    let low = (v << vec4<u32>(8u)) >> vec4<u32>(24u);
    return bitcast<vec4<u32>>(high + low);
}

fn odd_pair(words: vec4<u32>) -> vec4<u32> {
    let v = bitcast<vec4<i32>>(words);
    let high = ((v << vec4<u32>(16u)) >> vec4<u32>(24u)) << vec4<u32>(16u);
    let low = v >> vec4<u32>(24u);
    return bitcast<vec4<u32>>(high + low);
}

// Pairs of weights, out of words of unsigned bytes.
fn byte_pairs(c: Codes) -> Pairs {
    let mask = vec4<u32>(0x00ff00ffu);
    let eight = vec4<u32>(8u);
    return pairs_of(c.low & mask, (c.low >> eight) & mask, c.high & mask, (c.high >> eight) & mask);
}

// The high half of a sum of products.
fn high_half(t: u32) -> i32 {
    return bitcast<i32>(t + 0x8000u) >> 16u;
}

// Both halves of a sum of pairs of x, added.
fn both_halves(p: u32) -> i32 {
    return high_half(p) + (bitcast<i32>(p << 16u) >> 16u);
}

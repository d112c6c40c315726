// TQ1_0. Codes: 13 words for each 256 weights, five base-3 digits a byte. Of two parts the
// first has words 3i and 3i + 1, but for the last two digits of the latter, which the second has, with word 3i + 2 and
// byte i of word 12: four digits, its last code word. Digit 0 is the most significant. Scales: d (f16) for each 256.

// Base-3 fractions of four bytes, as two pairs of 16-bit halves (bytes 0 and 2, bytes 1 and 3).
fn halves(word: u32) -> vec2<u32> {
    return vec2<u32>(word & 0x00ff00ffu, (word >> 8u) & 0x00ff00ffu);
}

// The upper bytes of the halves, in order. Of a fraction times 3^i they are all digits up to the i-th, as a number.
fn upper(halves: vec2<u32>) -> u32 {
    return ((halves.x >> 8u) & 0x00ff00ffu) | (halves.y & 0xff00ff00u);
}

fn stored_codes(row: Row, part: u32) -> Codes {
    let unit = 13u * (part / 8u);
    let pair = (part % 8u) / 2u;
    let odd = part % 2u == 1u;
    // 3^5 times a byte fits a half.
    let own = halves(code_at(row, unit + 3u * pair + 2u * (part % 2u)));
    let u0 = upper(own * 3u);
    let u1 = upper(own * 9u);
    let u2 = upper(own * 27u);
    let u3 = upper(own * 81u);
    let u4 = upper(own * 243u);
    let both = halves(code_at(row, unit + 3u * pair + 1u));
    // What is left of the fractions behind the even part's digits.
    let middle = select(both, (both * 27u) & vec2<u32>(0x00ff00ffu), odd);
    let v0 = upper(middle * 3u);
    let v1 = upper(middle * 9u);
    let v2 = upper(middle * 27u);
    // The fraction times 3, 9, 27 and 81, a byte each.
    let four = ((code_at(row, unit + 12u) >> (8u * pair)) & 0xffu) * 0x00090001u;
    let t = upper(vec2<u32>(four * 3u, four * 9u));
    let last = select(v2 - 3u * v1, t - 3u * (t << 8u), odd);
    return Codes(
        vec4<u32>(u0, u1 - 3u * u0, u2 - 3u * u1, u3 - 3u * u2),
        vec4<u32>(u4 - 3u * u3, v0, v1 - 3u * v0, last),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

// From words of packed fields to code words; src/formats/bits.rs says how fields lie in them.

// Four bytes that differ in shift, masked: the step that all of these are made of.
fn fields(words: vec4<u32>, shifts: vec4<u32>, mask: u32) -> vec4<u32> {
    return (words >> shifts) & vec4<u32>(mask);
}

// 32 fields of one bit: bit 8b + j is weight 4j + b.
fn unpack1(q: u32) -> Codes {
    let words = vec4<u32>(q);
    return Codes(
        fields(words, vec4<u32>(0u, 1u, 2u, 3u), 0x01010101u),
        fields(words, vec4<u32>(4u, 5u, 6u, 7u), 0x01010101u),
    );
}

// 32 fields of two bits: code word j is field j / 2 of every byte of word j % 2.
fn unpack2(q: vec2<u32>) -> Codes {
    return Codes(
        fields(q.xyxy, vec4<u32>(0u, 0u, 2u, 2u), 0x03030303u),
        fields(q.xyxy, vec4<u32>(4u, 4u, 6u, 6u), 0x03030303u),
    );
}

// 32 fields of four bits: code words 0 to 3 are the low nibbles, 4 to 7 the high ones.
fn unpack4(q: vec4<u32>) -> Codes {
    return Codes(
        fields(q, vec4<u32>(0u), 0x0f0f0f0fu),
        fields(q, vec4<u32>(4u), 0x0f0f0f0fu),
    );
}

// Fields of `low` and, `shift` bits higher, those of `high`.
fn join(low: Codes, high: Codes, shift: u32) -> Codes {
    return Codes(low.low | (high.low << vec4<u32>(shift)), low.high | (high.high << vec4<u32>(shift)));
}

// Bits as signs: 1 becomes 1, 0 becomes -1.
fn signs(bits: Codes) -> Codes {
    return Codes(~(bits.low * 0xfeu), ~(bits.high * 0xfeu));
}

// Fields as codes, which are lower by the offset.
fn lowered(c: Codes, offset: u32) -> Codes {
    return Codes(subtract(c.low, offset), subtract(c.high, offset));
}

// Bytes of 1 to 127, negated where the byte of `ones` is 1.
fn negate(bytes: u32, ones: u32) -> u32 {
    return (bytes ^ (ones * 255u)) + ones;
}

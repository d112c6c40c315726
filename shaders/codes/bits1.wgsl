// 32 codes of -1 or 1 in a word: bit 8b + j is weight 4j + b, set for 1.

fn unpack(q: u32) -> Codes {
    let low = (vec4<u32>(q) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(0x01010101u);
    let high = (vec4<u32>(q) >> vec4<u32>(4u, 5u, 6u, 7u)) & vec4<u32>(0x01010101u);
    // A byte of 1 becomes 0x01, a byte of 0 becomes 0xff.
    return Codes(~(low * 0xfeu), ~(high * 0xfeu));
}

fn stored_codes(row: u32, part: u32) -> Codes {
    return unpack(code_at(row, part));
}

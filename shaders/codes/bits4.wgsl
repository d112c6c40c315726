// 32 codes of 4 bits in four words: code words 0 to 3 are their low nibbles, 4 to 7 the high ones.

fn unpack(q: vec4<u32>) -> Codes {
    let mask = vec4<u32>(0x0f0f0f0fu);
    return Codes(q & mask, (q >> vec4<u32>(4u)) & mask);
}

fn stored_codes(row: u32, part: u32) -> Codes {
    return unpack(code_at(row, part));
}

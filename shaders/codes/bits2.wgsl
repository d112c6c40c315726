// 32 codes of 2 bits in two words: code word j is field j / 2 of every byte of word j % 2.

fn unpack(q: vec2<u32>) -> Codes {
    let low = (q.xyxy >> vec4<u32>(0u, 0u, 2u, 2u)) & vec4<u32>(0x03030303u);
    let high = (q.xyxy >> vec4<u32>(4u, 4u, 6u, 6u)) & vec4<u32>(0x03030303u);
    return Codes(low, high);
}

fn stored_codes(row: u32, part: u32) -> Codes {
    return unpack(code_at(row, part));
}

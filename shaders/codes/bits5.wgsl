// 32 codes of 5 bits in five words: low nibbles in the first four, high bits in the fifth.

fn stored_codes(row: Row, part: u32) -> Codes {
    let unit = 5u * part;
    let nibbles = unpack4(vec4<u32>(
        code_at(row, unit),
        code_at(row, unit + 1u),
        code_at(row, unit + 2u),
        code_at(row, unit + 3u),
    ));
    return join(nibbles, unpack1(code_at(row, unit + 4u)), 4u);
}

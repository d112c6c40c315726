// 32 codes of 7 bits in seven words: low nibbles in four, pairs in two, high bits in the last.

fn stored_codes(row: Row, part: u32) -> Codes {
    let unit = 7u * part;
    let nibbles = unpack4(vec4<u32>(
        code_at(row, unit),
        code_at(row, unit + 1u),
        code_at(row, unit + 2u),
        code_at(row, unit + 3u),
    ));
    let pairs = unpack2(vec2<u32>(code_at(row, unit + 4u), code_at(row, unit + 5u)));
    return join(join(nibbles, pairs, 4u), unpack1(code_at(row, unit + 6u)), 6u);
}

// 32 codes of 6 bits in three pairs of words: low nibbles in two, high pairs in the third.

fn stored_codes(row: Row, part: u32) -> Codes {
    let unit = 3u * part;
    let nibbles = unpack4(vec4<u32>(code_at(row, unit), code_at(row, unit + 1u)));
    return join(nibbles, unpack2(code_at(row, unit + 2u)), 4u);
}

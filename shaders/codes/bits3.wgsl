// 32 codes of 3 bits in three words: low pairs in the first two, high bits in the third.

fn stored_codes(row: Row, part: u32) -> Codes {
    let unit = 3u * part;
    let pairs = unpack2(vec2<u32>(code_at(row, unit), code_at(row, unit + 1u)));
    return join(pairs, unpack1(code_at(row, unit + 2u)), 2u);
}

// 32 codes of 7 bits in seven words: low nibbles in four, pairs in two, high bits in the last.

fn stored_codes(row: Row, part: u32) -> Codes {
    let nibbles = unpack4(vec4<u32>(two_at(row, part, 0u), two_at(row, part, 1u)));
    let pairs = unpack2(two_at(row, part, 2u));
    return join(join(nibbles, pairs, 4u), unpack1(last_at(row, part)), 6u);
}

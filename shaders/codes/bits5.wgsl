// 32 codes of 5 bits in five words: low nibbles in the first four, high bits in the fifth.

fn stored_codes(row: Row, part: u32) -> Codes {
    let nibbles = unpack4(vec4<u32>(two_at(row, part, 0u), two_at(row, part, 1u)));
    return join(nibbles, unpack1(last_at(row, part)), 4u);
}

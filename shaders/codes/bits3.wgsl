// 32 codes of 3 bits in three words: low pairs in the first two, high bits in the third.

fn stored_codes(row: Row, part: u32) -> Codes {
    let pairs = unpack2(two_at(row, part, 0u));
    return join(pairs, unpack1(last_at(row, part)), 2u);
}

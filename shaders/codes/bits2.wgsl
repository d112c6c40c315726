// 32 codes of 2 bits in two words.

fn stored_codes(row: Row, part: u32) -> Codes {
    return unpack2(code_at(row, part));
}

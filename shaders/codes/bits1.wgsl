// 32 codes of 1 bit in a word.

fn stored_codes(row: Row, part: u32) -> Codes {
    return unpack1(code_at(row, part));
}

// 32 codes of 4 bits in four words.

fn stored_codes(row: Row, part: u32) -> Codes {
    return unpack4(code_at(row, part));
}

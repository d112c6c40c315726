// 32 codes of 8 bits in two units, as they are.

fn stored_codes(row: Row, part: u32) -> Codes {
    return Codes(code_at(row, 2u * part), code_at(row, 2u * part + 1u));
}

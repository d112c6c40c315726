// Codes that are stored as fields, CODE_OFFSET above the code.

fn codes(row: Row, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    if (CODE_OFFSET == 0u) {
        return stored;
    }
    return lowered(stored, CODE_OFFSET);
}

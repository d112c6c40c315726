// Codes that are signs: a bit for each weight, set for 1, clear for -1.

fn codes(row: Row, part: u32) -> Codes {
    return signs(stored_codes(row, part));
}

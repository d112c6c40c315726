// Integer levels that are FIELD_STEP · field - FIELD_OFFSET: the fields are multiplied as they are stored,
// and the rest is done once for each sum.

fn level_words(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

// Σ level · x from the sum of products of the bytes, and Σ x.
fn level_sum(d: i32, s: i32) -> f32 {
    return f32(i32(FIELD_STEP) * d - i32(FIELD_OFFSET) * s);
}

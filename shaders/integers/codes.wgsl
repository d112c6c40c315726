// Integer levels that are the codes: signed bytes.

fn level_words(row: Row, part: u32) -> Codes {
    return codes(row, part);
}

// Σ level · x from the sum of products of the bytes, and Σ x.
fn level_sum(d: i32, s: i32) -> f32 {
    return f32(d);
}

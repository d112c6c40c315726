// Integer levels that are unsigned bytes, held 128 lower as signed bytes.

fn level_words(row: Row, part: u32) -> Codes {
    let c = codes(row, part);
    let high = vec4<u32>(0x80808080u);
    return Codes(c.low ^ high, c.high ^ high);
}

// Σ level · x from the sum of products of the bytes, and Σ x.
fn level_sum(d: i32, s: i32) -> f32 {
    return f32(d + 128 * s);
}

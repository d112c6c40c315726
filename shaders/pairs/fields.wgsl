// Weights as pairs of the fields that are stored: a code is FIELD_STEP · field - FIELD_OFFSET.

fn weight_pairs(row: Row, part: u32) -> Pairs {
    return byte_pairs(stored_codes(row, part));
}

// What is to be added to a sum of products, from the sum of the pairs of x.
fn centre(p: u32) -> u32 {
    return 0u - FIELD_OFFSET * 0x00010001u * p;
}

fn centred(t: u32, centre: u32) -> u32 {
    return FIELD_STEP * t + centre;
}

fn pair_level_sum(d: i32, s: i32) -> f32 {
    return f32(d);
}

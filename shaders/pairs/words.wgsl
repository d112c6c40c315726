// Weights as pairs, by way of signed bytes: each 128 higher, so as to be an unsigned one, which is taken off
// again from the sum.

fn weight_pairs(row: Row, part: u32) -> Pairs {
    let c = level_words(row, part);
    let high = vec4<u32>(0x80808080u);
    return byte_pairs(Codes(c.low ^ high, c.high ^ high));
}

// What is to be added to a sum of products, from the sum of the pairs of x.
fn centre(p: u32) -> u32 {
    return 0u - 0x00800080u * p;
}

fn centred(t: u32, centre: u32) -> u32 {
    return t + centre;
}

fn pair_level_sum(d: i32, s: i32) -> f32 {
    return level_sum(d, s);
}

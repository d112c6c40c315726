// Levels of all 32 weights of a part, made of their codes.

fn centred_levels(row: Row, part: u32, middles: vec4<f32>) -> Levels {
    return each_centred(codes(row, part), middles);
}

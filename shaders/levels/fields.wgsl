// Levels of a format whose codes are fields of at most seven bits, CODE_OFFSET above the code: as in codes.wgsl,
// the offset subtracted together with the power of two.

fn level(fields: u32, middle: f32) -> vec4<f32> {
    let w = vec4<u32>(fields, fields, fields >> 16u, fields >> 16u);
    let power = vec4<u32>(0x4b000000u, 0x47000000u, 0x4b000000u, 0x47000000u);
    let bits = (w & vec4<u32>(0x7fu, 0x7f00u, 0x7fu, 0x7f00u)) | power;
    return bitcast<vec4<f32>>(bits) - (bitcast<vec4<f32>>(power) + (f32(CODE_OFFSET) + middle));
}

fn centred_levels(row: Row, part: u32, middles: vec4<f32>) -> Levels {
    return each_centred(stored_codes(row, part), middles);
}

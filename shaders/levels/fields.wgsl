// Levels of a format whose codes are fields of at most seven bits, CODE_OFFSET above the code: as in codes.wgsl,
// the offset taken off together with the power of two.

fn level(fields: u32) -> vec4<f32> {
    let w = vec4<u32>(fields, fields, fields >> 16u, fields >> 16u);
    let bits = (w & vec4<u32>(0x7fu, 0x7f00u, 0x7fu, 0x7f00u)) | vec4<u32>(0x4b000000u);
    return fma(
        bitcast<vec4<f32>>(bits),
        vec4<f32>(1.0, 0x1p-8, 1.0, 0x1p-8),
        -(vec4<f32>(0x1p+23, 0x1p+15, 0x1p+23, 0x1p+15) + f32(CODE_OFFSET)),
    );
}

fn levels(row: Row, part: u32) -> Levels {
    return each(stored_codes(row, part));
}

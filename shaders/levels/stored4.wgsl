// Levels of a format whose codes are nibbles, CODE_OFFSET above the code: as in codes.wgsl, straight from the
// stored words, with no shift but one for each word.

// The nibbles at bits SHIFT, SHIFT + 8, SHIFT + 16 and SHIFT + 24.
fn nibbles(word: u32, shift: u32) -> vec4<f32> {
    let w = vec4<u32>(word, word, word >> 16u, word >> 16u);
    let low = 0xfu << shift;
    let bits = (w & vec4<u32>(low, low << 8u, low, low << 8u)) | vec4<u32>(0x4b000000u);
    let unit = bitcast<f32>((127u - shift) << 23u);  // 2^-shift
    let units = vec4<f32>(unit, unit * 0x1p-8, unit, unit * 0x1p-8);
    return fma(bitcast<vec4<f32>>(bits), units, -(units * 0x1p+23 + f32(CODE_OFFSET)));
}

fn levels(row: Row, part: u32) -> Levels {
    let q = code_at(row, part);
    return Levels(array<vec4<f32>, 8>(
        nibbles(q.x, 0u),
        nibbles(q.y, 0u),
        nibbles(q.z, 0u),
        nibbles(q.w, 0u),
        nibbles(q.x, 4u),
        nibbles(q.y, 4u),
        nibbles(q.z, 4u),
        nibbles(q.w, 4u),
    ));
}

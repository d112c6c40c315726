// Levels of a format whose codes are pairs of bits, CODE_OFFSET above the code: as stored4.wgsl has it for
// nibbles.

// The pairs at bits SHIFT, SHIFT + 8, SHIFT + 16 and SHIFT + 24.
fn pairs(word: u32, shift: u32) -> vec4<f32> {
    let w = vec4<u32>(word, word, word >> 16u, word >> 16u);
    let low = 3u << shift;
    let bits = (w & vec4<u32>(low, low << 8u, low, low << 8u)) | vec4<u32>(0x4b000000u);
    let unit = bitcast<f32>((127u - shift) << 23u);  // 2^-shift
    let units = vec4<f32>(unit, unit * 0x1p-8, unit, unit * 0x1p-8);
    return fma(bitcast<vec4<f32>>(bits), units, -(units * 0x1p+23 + f32(CODE_OFFSET)));
}

fn levels(row: Row, part: u32) -> Levels {
    let q = code_at(row, part);
    return Levels(array<vec4<f32>, 8>(
        pairs(q.x, 0u),
        pairs(q.y, 0u),
        pairs(q.x, 2u),
        pairs(q.y, 2u),
        pairs(q.x, 4u),
        pairs(q.y, 4u),
        pairs(q.x, 6u),
        pairs(q.y, 6u),
    ));
}

// Levels of a format whose codes are pairs of bits, CODE_OFFSET above the code: as in stored4.wgsl.

// The pairs at bits SHIFT, SHIFT + 8, SHIFT + 16 and SHIFT + 24, minus the middle.
fn pairs(word: u32, shift: u32, middle: f32) -> vec4<f32> {
    let w = vec4<u32>(word, word, word >> 16u, word >> 16u);
    let low = 3u << shift;
    let power = vec4<u32>(0x4b000000u, 0x47000000u, 0x4b000000u, 0x47000000u) - vec4<u32>(shift << 23u);
    let bits = (w & vec4<u32>(low, low << 8u, low, low << 8u)) | power;
    return bitcast<vec4<f32>>(bits) - (bitcast<vec4<f32>>(power) + (f32(CODE_OFFSET) + middle));
}

fn centred_levels(row: Row, part: u32, middles: vec4<f32>) -> Levels {
    let q = code_at(row, part);
    return Levels(array<vec4<f32>, 8>(
        pairs(q.x, 0u, middles[0]),
        pairs(q.y, 0u, middles[SPANS / 8u]),
        pairs(q.x, 2u, middles[2u * SPANS / 8u]),
        pairs(q.y, 2u, middles[3u * SPANS / 8u]),
        pairs(q.x, 4u, middles[4u * SPANS / 8u]),
        pairs(q.y, 4u, middles[5u * SPANS / 8u]),
        pairs(q.x, 6u, middles[6u * SPANS / 8u]),
        pairs(q.y, 6u, middles[7u * SPANS / 8u]),
    ));
}

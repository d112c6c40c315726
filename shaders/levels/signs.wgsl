// Levels -1 and 1, a stored bit for each: as in codes.wgsl, straight from the stored word, with no shift but two for all.

// The bits at SHIFT and SHIFT + 8 of two words, minus the middle. A bit counts two, which is exact up to 2^24.
fn ones(low: u32, high: u32, shift: u32, middle: f32) -> vec4<f32> {
    let bit = 1u << shift;
    let power = vec4<u32>(0x4b800000u, 0x47800000u, 0x4b800000u, 0x47800000u) - vec4<u32>(shift << 23u);
    let bits = (vec4<u32>(low, low, high, high) & vec4<u32>(bit, bit << 8u, bit, bit << 8u)) | power;
    return bitcast<vec4<f32>>(bits) - (bitcast<vec4<f32>>(power) + (1.0 + middle));
}

fn centred_levels(row: Row, part: u32, middles: vec4<f32>) -> Levels {
    let q = code_at(row, part);
    // A place higher than they are stored: 2^24 + 1 is no float, 2^23 + 1 is.
    let low = q << 1u;
    let high = q >> 15u;
    return Levels(array<vec4<f32>, 8>(
        ones(low, high, 1u, middles[0]),
        ones(low, high, 2u, middles[SPANS / 8u]),
        ones(low, high, 3u, middles[2u * SPANS / 8u]),
        ones(low, high, 4u, middles[3u * SPANS / 8u]),
        ones(low, high, 5u, middles[4u * SPANS / 8u]),
        ones(low, high, 6u, middles[5u * SPANS / 8u]),
        ones(low, high, 7u, middles[6u * SPANS / 8u]),
        ones(low, high, 8u, middles[7u * SPANS / 8u]),
    ));
}

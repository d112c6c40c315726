// Levels of codes that are small floats, as in minifloat.wgsl, by way of halves: their bits, moved, are halves too
// small by a power of two, which affine/scale_unit.wgsl restores. For processors, which convert halves in one
// instruction (FP8 on lavapipe 26.2, m = 1: 1.5 to 2 times as fast, 2026-11-21); subnormal halves must be kept.

// 2 to the difference of the biases, which are 15 and 2^(EXPONENT - 1) - 1.
const LEVEL_POWER: f32 = f32(1u << (16u - (1u << (EXPONENT - 1u))));

// Codes of bytes 0 and 2 as the bits of two halves.
fn half_bits(codes: u32) -> u32 {
    let top = EXPONENT + MANTISSA;
    var magnitude = codes & (0x00010001u * ((1u << top) - 1u));
    if (TOP == ONE_NAN) {
        // Adding one to a code of all ones carries and makes the exponent that of a NaN.
        magnitude |= (magnitude + 0x00010001u) & (0x00010001u << top);
    }
    let sign = codes & (0x00010001u << top);
    return (magnitude << (10u - MANTISSA)) | (sign << (15u - top));
}

fn level(codes: u32) -> vec4<f32> {
    let even = unpack2x16float(half_bits(codes));
    let odd = unpack2x16float(half_bits(codes >> 8u));
    return vec4<f32>(even.x, odd.x, even.y, odd.y);
}

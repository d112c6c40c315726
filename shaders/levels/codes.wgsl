// Levels of a format whose codes are signed bytes, LEVEL_BASE below the level.
//
// A byte (its top bit flipped, so 128 more) in the low bits of 2^23 makes the float 2^23 + byte; shifted by 8 bits it
// does the same with 2^15. One bit operation and one exact subtraction, which also takes the middle off, then make a
// number of a byte, where shifting it out and converting it takes three operations, two of them slow on many devices.
// (Two powers rather than an fma that scales back: Q4_0 on lavapipe 26.2, m = 1, 1.07 times as fast, since processors
// add and multiply in different units, 2026-11-26.)

fn level(codes: u32, middle: f32) -> vec4<f32> {
    let w = vec4<u32>(codes, codes, codes >> 16u, codes >> 16u);
    let bits = (w & vec4<u32>(0xffu, 0xff00u, 0xffu, 0xff00u))
        ^ vec4<u32>(0x4b000080u, 0x47008000u, 0x4b000080u, 0x47008000u);
    let power = vec4<f32>(0x1p+23, 0x1p+15, 0x1p+23, 0x1p+15);
    return bitcast<vec4<f32>>(bits) - (power + (128.0 - f32(LEVEL_BASE) + middle));
}

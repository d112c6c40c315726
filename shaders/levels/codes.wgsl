// Levels of a format whose codes are its levels, LEVEL_BASE less: signed bytes.
//
// A byte (its top bit turned over: 128 more) put into the low bits of 2^23 is a float that is 2^23 and
// the byte; one shifted by 8 bits scales back exactly. One bit operation and one fma then make a number of a
// byte, where shifting it out and converting it takes three operations, two of them slow on many devices.

fn level(codes: u32) -> vec4<f32> {
    let w = vec4<u32>(codes, codes, codes >> 16u, codes >> 16u);
    let bits = (w & vec4<u32>(0xffu, 0xff00u, 0xffu, 0xff00u))
        ^ vec4<u32>(0x4b000080u, 0x4b008000u, 0x4b000080u, 0x4b008000u);
    return fma(
        bitcast<vec4<f32>>(bits),
        vec4<f32>(1.0, 0x1p-8, 1.0, 0x1p-8),
        vec4<f32>(-8388736.0, -32896.0, -8388736.0, -32896.0) + f32(LEVEL_BASE),
    );
}

// Levels of a format whose codes are signed bytes, held 128 higher (RAISED): as in codes.wgsl, with an OR, which is one
// operation with the AND on more devices than an exclusive-or is.

fn level(codes: u32, middle: f32) -> vec4<f32> {
    let w = vec4<u32>(codes, codes, codes >> 16u, codes >> 16u);
    let power = vec4<u32>(0x4b000000u, 0x47000000u, 0x4b000000u, 0x47000000u);
    let bits = (w & vec4<u32>(0xffu, 0xff00u, 0xffu, 0xff00u)) | power;
    return bitcast<vec4<f32>>(bits) - (bitcast<vec4<f32>>(power) + (128.0 + middle));
}

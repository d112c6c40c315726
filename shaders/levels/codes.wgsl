// Levels of a format whose codes are its levels.

fn level(codes: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xI8(codes));
}

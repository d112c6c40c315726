// Levels of a format whose codes are unsigned bytes.

fn level(codes: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xU8(codes));
}

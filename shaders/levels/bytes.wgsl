// Levels of a format whose codes are unsigned bytes.

fn levels(row: u32, part: u32) -> Levels {
    let c = codes(row, part);
    return Levels(array<vec4<f32>, 8>(
        vec4<f32>(unpack4xU8(c.low.x)),
        vec4<f32>(unpack4xU8(c.low.y)),
        vec4<f32>(unpack4xU8(c.low.z)),
        vec4<f32>(unpack4xU8(c.low.w)),
        vec4<f32>(unpack4xU8(c.high.x)),
        vec4<f32>(unpack4xU8(c.high.y)),
        vec4<f32>(unpack4xU8(c.high.z)),
        vec4<f32>(unpack4xU8(c.high.w)),
    ));
}

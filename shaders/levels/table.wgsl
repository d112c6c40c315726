// Levels of a format whose codes index a table of 16 floats.

@group(0) @binding(5) var<storage, read> table: array<f32, 16>;

fn look_up(code: u32) -> vec4<f32> {
    let i = unpack4xU8(code);
    return vec4<f32>(table[i.x], table[i.y], table[i.z], table[i.w]);
}

fn levels(row: u32, part: u32) -> Levels {
    let c = codes(row, part);
    return Levels(array<vec4<f32>, 8>(
        look_up(c.low.x),
        look_up(c.low.y),
        look_up(c.low.z),
        look_up(c.low.w),
        look_up(c.high.x),
        look_up(c.high.y),
        look_up(c.high.z),
        look_up(c.high.w),
    ));
}

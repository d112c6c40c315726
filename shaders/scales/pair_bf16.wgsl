// Two bf16 for each group: scale, and zero point or bias.

fn group_pair(row: Row, group: u32) -> vec2<f32> {
    let fields = scale_at(row, group);
    return bitcast<vec2<f32>>(vec2<u32>(fields << 16u, fields & 0xffff0000u));
}

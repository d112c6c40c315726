// Two f32 for each group: scale, and zero point or bias.

fn group_pair(row: Row, group: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(scale_at(row, group));
}

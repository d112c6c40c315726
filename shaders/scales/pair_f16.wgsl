// Two f16 for each group: scale, and zero point or bias.

fn group_pair(row: Row, group: u32) -> vec2<f32> {
    return unpack2x16float(scale_at(row, group));
}

// One f16 for each group.

fn group_scale(row: Row, group: u32) -> f32 {
    return scale_half(row, group);
}

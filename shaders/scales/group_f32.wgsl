// One f32 for each group.

fn group_scale(row: Row, group: u32) -> f32 {
    return bitcast<f32>(scale_at(row, group));
}

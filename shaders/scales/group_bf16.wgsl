// One bf16 for each group: the upper half of an f32.

fn group_scale(row: Row, group: u32) -> f32 {
    return bitcast<f32>(scale_at(row, group) << 16u);
}

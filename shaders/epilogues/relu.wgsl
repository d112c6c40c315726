// max(v, 0); NaN stays NaN.

fn relu(value: f32, row: u32, at: u32) -> f32 {
    return select(value, 0.0, value < 0.0);
}

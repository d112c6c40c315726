// v / (1 + exp(-v)).

fn silu(value: f32, row: u32, at: u32) -> f32 {
    return times_sigmoid(value, value);
}

// Adds what y holds at this place already. The invocation that writes an output is the only one that reads it.

fn accumulate(value: f32, row: u32, at: u32) -> f32 {
    return value + f32(y[at]);
}

// Adds a number for each row of W.

@group(0) @binding(6) var<storage, read> bias_of: array<f32>;

fn bias(value: f32, row: u32, at: u32) -> f32 {
    return value + bias_of[row];
}

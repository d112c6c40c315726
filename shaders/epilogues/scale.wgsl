// Multiplies by a number for each row of W.

@group(0) @binding(8) var<storage, read> scale_of: array<f32>;

fn scale(value: f32, row: u32, at: u32) -> f32 {
    return value * scale_of[row];
}

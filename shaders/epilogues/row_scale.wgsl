// Multiplies by a number for each row of y.

@group(0) @binding(12) var<storage, read> row_scale_of: array<f32>;

fn row_scale(value: f32, row: u32, at: u32) -> f32 {
    return value * row_scale_of[at / params.n];
}

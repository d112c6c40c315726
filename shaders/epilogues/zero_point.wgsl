// Adds, for each row of W, -scale · zero point · Σ_k w: what the zero point of x had added to the sum.

@group(0) @binding(13) var<storage, read> zero_point_of: array<f32>;

fn zero_point(value: f32, row: u32, at: u32) -> f32 {
    return value + zero_point_of[row];
}

// x meets levels; the scale is applied once, to the sum.

// What meets the 32 floats of x of one part.
fn factors(row: Row, part: u32) -> Levels {
    return levels(row, part);
}

// What `weighted` needs of four floats of x.
fn sum_of_x(x: vec4<f32>) -> f32 {
    return 0.0;
}

// Σ weight · x of a span from Σ factor · x and Σ x.
fn weighted(sum: f32, x_sum: f32, a: Centred) -> f32 {
    return a.scale * sum;
}

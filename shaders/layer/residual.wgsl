// Rows that others are added to, in place, before they are normalized. A lane comes to the same numbers each time.

@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;

// A number, when a lane comes to it first and later.
fn take(at: u32) -> f32 {
    let sum = x[at] + residual[at];
    x[at] = sum;
    return sum;
}

fn taken(at: u32) -> f32 {
    return x[at];
}

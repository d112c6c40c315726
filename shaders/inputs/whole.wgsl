// x where k is a multiple of 32: no read needs a check.

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;

// Floats 4i to 4i + 3 of row `x_row` of x.
fn x_at(x_row: u32, i: u32) -> vec4<f32> {
    return x[input_row(x_row) * (params.k / 4u) + i];
}

// Four weights that meet floats 4i to 4i + 3 of x.
fn in_row(i: u32, w: vec4<f32>) -> vec4<f32> {
    return w;
}

// x in f16 where k is a multiple of 32: no read needs a check, and the device no feature.

@group(0) @binding(3) var<storage, read> x: array<vec2<u32>>;

// Numbers 4i to 4i + 3 of row `x_row` of x.
fn x_at(x_row: u32, i: u32) -> vec4<f32> {
    let four = x[input_row(x_row) * (params.k / 4u) + i];
    return vec4<f32>(unpack2x16float(four.x), unpack2x16float(four.y));
}

// Weights as they are: no part reaches past the end of a row.
fn in_row(i: u32, w: vec4<f32>) -> vec4<f32> {
    return w;
}

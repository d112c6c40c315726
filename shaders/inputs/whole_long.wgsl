// As whole.wgsl, four floats read as two words of 64 bits: see planes/long_pair.wgsl. With eight rows of x
// most of what a processor gathers is x.

@group(0) @binding(3) var<storage, read> x: array<vec2<u64>>;

// Floats 4i to 4i + 3 of row `x_row` of x.
fn x_at(x_row: u32, i: u32) -> vec4<f32> {
    let q = x[input_row(x_row) * (params.k / 4u) + i];
    return bitcast<vec4<f32>>(vec4<u32>(u32(q.x), u32(q.x >> 32u), u32(q.y), u32(q.y >> 32u)));
}

// Weights as they are: no part reaches past the end of a row.
fn in_row(i: u32, w: vec4<f32>) -> vec4<f32> {
    return w;
}

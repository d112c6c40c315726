// x of any k: rows need not be aligned, and what a part reads past the end of a row is 0.

@group(0) @binding(3) var<storage, read> x: array<f32>;

// Floats 4i to 4i + 3 of row `x_row` of x.
fn x_at(x_row: u32, i: u32) -> vec4<f32> {
    let last = params.k - 1u;
    let at = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    let safe = min(at, vec4<u32>(last)) + vec4<u32>(input_row(x_row) * params.k);
    let v = vec4<f32>(x[safe.x], x[safe.y], x[safe.z], x[safe.w]);
    return select(vec4<f32>(0.0), v, at <= vec4<u32>(last));
}

// Four weights that meet floats 4i to 4i + 3 of x, those past the end of a row set to 0: what fills up a
// part is multiplied by 0, but rounded to f16 it could be infinite.
fn in_row(i: u32, w: vec4<f32>) -> vec4<f32> {
    let at = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(0.0), w, at < vec4<u32>(params.k));
}

// What a Linear makes of y after the product: a factor or divisor for all outputs, a factor for each,
// outlier columns, a bias.
// One invocation owns one output.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   DIVIDES    1 where `scale` divides instead of multiplying

struct Params {
    n: u32,
    k: u32,
    rows: u32,
    outliers: u32,  // columns of x that have weights of their own
    scale: f32,
}

// The outlier columns, then their weights as pairs of f16: column o of row r is half r · outliers + o.
@group(0) @binding(0) var<storage, read> outliers: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// For each output: a factor and a bias.
@group(0) @binding(4) var<storage, read> outputs: array<vec2<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (id.x + id.y * count.x) * WORKGROUP + lane;
    let row = index / params.n;
    let output = index % params.n;
    if (row >= params.rows) {
        return;
    }
    var sum = 0.0;
    for (var o = 0u; o < params.outliers; o++) {
        let half = output * params.outliers + o;
        let pair = unpack2x16float(outliers[params.outliers + half / 2u]);
        sum += x[row * params.k + outliers[o]] * select(pair.x, pair.y, half % 2u == 1u);
    }
    var value = y[index];
    if (DIVIDES == 1u) {
        value /= params.scale;
    } else {
        value *= params.scale;
    }
    let own = outputs[output];
    y[index] = value * own.x + sum + own.y;
}

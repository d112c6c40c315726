// The product with unpacked weights, for comparison: y[c, r] = Σ_k x[c, k] · w[r, k].
//
// Two entry points; the example times both and takes the faster. In row_per_lane every lane owns a
// row and nothing is shared: on a matrix with many rows it is several times as fast on lavapipe and
// SwiftShader. In row_per_workgroup neighbouring lanes read neighbouring words, as graphics cards
// prefer. Both read sixteen floats of a row at a time; rows are padded with zeros.

override COLS: u32; // rows of x that an invocation takes, 1 to 4
const LANES: u32 = 64u;

struct Params { n: u32, m: u32, pieces: u32, width: u32 }

@group(0) @binding(0) var<storage, read> w: array<mat4x4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<mat4x4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> shared_sums: array<vec4<f32>, LANES>;

fn product(a: mat4x4<f32>, b: mat4x4<f32>) -> f32 {
    return dot(a[0], b[0]) + dot(a[1], b[1]) + dot(a[2], b[2]) + dot(a[3], b[3]);
}

// Columns past the last read the last one again; they are not written.
fn column(first: u32, i: u32) -> u32 {
    return min(first + i, params.m - 1u) * params.pieces;
}

fn sums(row: u32, col: u32, start: u32, stride: u32) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    let at = min(row, params.n - 1u) * params.pieces;
    for (var i = start; i < params.pieces; i += stride) {
        let v = w[at + i];
        sum.x += product(v, x[column(col, 0u) + i]);
        if (COLS > 1u) { sum.y += product(v, x[column(col, 1u) + i]); }
        if (COLS > 2u) { sum.z += product(v, x[column(col, 2u) + i]); }
        if (COLS > 3u) { sum.w += product(v, x[column(col, 3u) + i]); }
    }
    return sum;
}

fn write(row: u32, col: u32, sum: vec4<f32>) {
    for (var i = 0u; i < COLS; i++) {
        if (row < params.n && col + i < params.m) {
            y[(col + i) * params.n + row] = sum[i];
        }
    }
}

@compute @workgroup_size(LANES)
fn row_per_lane(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (id.z * params.width + id.x) * LANES + lane;
    write(row, id.y * COLS, sums(row, id.y * COLS, 0u, 1u));
}

@compute @workgroup_size(LANES)
fn row_per_workgroup(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = id.z * params.width + id.x;
    shared_sums[lane] = sums(row, id.y * COLS, lane, LANES);
    for (var reach = LANES / 2u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if (lane < reach) {
            shared_sums[lane] += shared_sums[lane + reach];
        }
    }
    if (lane == 0u) {
        write(row, id.y * COLS, shared_sums[0]);
    }
}

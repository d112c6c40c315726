// Many rows of x, with x and weights rounded to f16: a workgroup of 256 lanes owns a tile of 16 · LANE_N rows of W by
// 16 · LANE_M rows of x.
//
// For each part of k, 16 · LANE_N lanes decode a row of W each into workgroup memory while the others fetch x. Products
// of two halves are exact in f32 and are added there.
//
// Why the loop is as it is:
// - Halves take half the room of the floats of `gemm`: a larger tile fits the 16 KiB that every device has, and every
//   lane multiplies more rows by more rows.
// - Two rows of a tile span all banks, so the vec4s of every second row are swizzled by its index: 16 lanes on
//   neighbouring rows then hit different banks.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M  rows of W and rows of x whose sums a lane owns

var<workgroup> w_tile: array<vec4<f16>, 16u * LANE_N * 8u>;
var<workgroup> x_tile: array<vec4<f16>, 16u * LANE_M * 8u>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * 8u + (i ^ ((row / 2u) % 8u));
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.rows + 16u * LANE_N - 1u) / (16u * LANE_N);
    let index = grid_index(id, count);
    let first_row = (index % tiles) * 16u * LANE_N;
    let first_x_row = (index / tiles) * 16u * LANE_M;
    let parts = part_count(id);
    // This lane's rows are 16 apart: lane_row + 16 i of W, lane_x_row + 16 i of x.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;

    var sum: array<f32, LANE_N * LANE_M>;
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        sum[i] = 0.0;
    }
    for (var part = 0u; part < parts; part++) {
        // Rows past the end read the last row again; their sums are not written.
        if (lane < 16u * LANE_N) {
            let row = row_at(min(first_row + lane, params.rows - 1u), 0u);
            let l = levels(row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    let i = s * (8u / SPANS) + j;
                    w_tile[swizzled(lane, i)] =
                        vec4<f16>(in_row(part * 8u + i, weight(l.v[i], a)));
                }
            }
        } else {
            for (var i = lane - 16u * LANE_N; i < 16u * LANE_M * 8u; i += 256u - 16u * LANE_N) {
                let x_row = min(first_x_row + i / 8u, params.m - 1u);
                x_tile[swizzled(i / 8u, i % 8u)] = vec4<f16>(x_at(x_row, part * 8u + i % 8u));
            }
        }
        workgroupBarrier();
        // Summed for each part on its own: the error then grows with k / 32, not with k.
        var part_sum: array<f32, LANE_N * LANE_M>;
        for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
            part_sum[i] = 0.0;
        }
        for (var i = 0u; i < 8u; i++) {
            var v: array<vec4<f32>, LANE_M>;
            for (var c = 0u; c < LANE_M; c++) { // unroll
                v[c] = vec4<f32>(x_tile[swizzled(lane_x_row + 16u * c, i)]);
            }
            for (var r = 0u; r < LANE_N; r++) { // unroll
                let w = vec4<f32>(w_tile[swizzled(lane_row + 16u * r, i)]);
                for (var c = 0u; c < LANE_M; c++) { // unroll
                    part_sum[r * LANE_M + c] += dot(w, v[c]);
                }
            }
        }
        for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
            sum[i] += part_sum[i];
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < LANE_N; r++) { // unroll
        for (var c = 0u; c < LANE_M; c++) { // unroll
            let row = first_row + lane_row + 16u * r;
            let x_row = first_x_row + lane_x_row + 16u * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, sum[r * LANE_M + c]);
            }
        }
    }
}

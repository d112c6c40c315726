// Many rows of x, with x and weights rounded to f16: a workgroup owns a tile of TILE_N rows of W by TILE_M rows of x, and
// a lane LANE_N by LANE_M of its sums.
//
// For each part of k, lanes decode the rows of W into workgroup memory and fetch x. Products of two halves are exact in
// f32 and are added there.
//
// Why the loop is as it is:
// - Halves take half the room of the floats of `gemm`: a larger tile fits the 16 KiB that every device has, and every
//   lane multiplies more rows by more rows.
// - Two rows of a tile span all banks, so the vec4s of every second row are swizzled by its index: 16 lanes on
//   neighbouring rows then hit different banks.
//
// Constants printed by the composer, next to those of the prelude:
//   TILE_N, TILE_M  rows of W and rows of x of a tile: 16 · LANE_N, and LANE_M for every 16 lanes
//   LANE_N, LANE_M  rows of W and rows of x whose sums a lane owns
//   TURNS           vec4s of a row that are multiplied in one turn of the inner loop

const SIXTEENS: u32 = WORKGROUP / 16u;

var<workgroup> w_tile: array<vec4<f16>, TILE_N * 8u>;
var<workgroup> x_tile: array<vec4<f16>, TILE_M * 8u>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * 8u + (i ^ ((row / 2u) % 8u));
}

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    begin(here);
    let lane = lane_index(here);
    let tiles = (params.rows + TILE_N - 1u) / TILE_N;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE_N;
    let first_x_row = (index / tiles) * TILE_M;
    let parts = part_count(id);
    // This lane's rows of W are 16 apart, its rows of x as many as sixteens of lanes there are.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;

    var sum: array<f32, LANE_N * LANE_M>;
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        sum[i] = 0.0;
    }
    for (var part = 0u; part < parts; part++) {
        for (var i = lane; i < TILE_M * 8u; i += WORKGROUP) {
            let x_row = min(first_x_row + i / 8u, params.m - 1u);
            x_tile[swizzled(i / 8u, i % 8u)] = vec4<f16>(x_at(x_row, part * 8u + i % 8u));
        }
        // Rows past the end read the last row again; their sums are not written.
        for (var own = lane; own < TILE_N; own += WORKGROUP) {
            let row = row_at(min(first_row + own, params.rows - 1u), 0u);
            let l = levels(row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    let i = s * (8u / SPANS) + j;
                    w_tile[swizzled(own, i)] =
                        vec4<f16>(in_row(part * 8u + i, weight(l.v[i], a)));
                }
            }
        }
        workgroupBarrier();
        // Summed for each part on its own: the error then grows with k / 32, not with k.
        var part_sum: array<f32, LANE_N * LANE_M>;
        for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
            part_sum[i] = 0.0;
        }
        for (var turn = 0u; turn < 8u; turn += TURNS) {
            for (var j = 0u; j < TURNS; j++) { // unroll
                let i = turn + j;
                var v: array<vec4<f32>, LANE_M>;
                for (var c = 0u; c < LANE_M; c++) { // unroll
                    v[c] = vec4<f32>(x_tile[swizzled(lane_x_row + SIXTEENS * c, i)]);
                }
                for (var r = 0u; r < LANE_N; r++) { // unroll
                    let w = vec4<f32>(w_tile[swizzled(lane_row + 16u * r, i)]);
                    for (var c = 0u; c < LANE_M; c++) { // unroll
                        part_sum[r * LANE_M + c] += dot(w, v[c]);
                    }
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
            let x_row = first_x_row + lane_x_row + SIXTEENS * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, sum[r * LANE_M + c]);
            }
        }
    }
}

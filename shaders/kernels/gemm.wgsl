// Many rows of x: a workgroup owns a tile of TILE_N rows of W by TILE_M rows of x, and a lane 4 by 4 of its sums.
//
// For each part of k, TILE_N lanes decode a row of W each into workgroup memory and all lanes fetch x; then every lane
// multiplies 4 rows of W by 4 rows of x.
//
// Why the loop is as it is:
// - Both tiles together fill at most the 16 KiB of workgroup memory that every device has. A padded tile would not fit,
//   so the vec4s of a tile's row are swizzled by its index: lanes on different rows then hit different banks.
// - Lanes read vec4s along k, and a lane's rows are 16 apart, so that 16 lanes read 16 neighbouring rows.
// - Only the products of TOGETHER parts are added plainly; `plus` keeps what the total rounds off.
//
// Constants printed by the composer, next to those of the prelude:
//   TILE_N, TILE_M  rows of W and rows of x of a tile: 64, and a quarter of the lanes
//   TURNS           vec4s of a row that are multiplied in one turn of the inner loop

const SIXTEENS: u32 = WORKGROUP / 16u;
const TOGETHER: u32 = 2u;  // parts whose products are added one after the other

var<workgroup> w_tile: array<vec4<f32>, TILE_N * 8u>;
var<workgroup> x_tile: array<vec4<f32>, TILE_M * 8u>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * 8u + (i ^ (row % 8u));
}

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    begin(here);
    let lane = lane_index(here);
    let tiles = (params.rows + TILE_N - 1u) / TILE_N;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE_N;
    let first_x_row = (index / tiles) * TILE_M;
    let range = part_range(id, count);
    let parts = range.y;
    // This lane's rows of W are 16 apart, its rows of x as many as sixteens of lanes there are.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;

    var total: array<Sum, 16>;
    // Sums of TOGETHER parts: the error does not grow with k.
    var sum: array<vec4<f32>, 4>;
    for (var r = 0u; r < 4u; r++) { // unroll
        sum[r] = vec4<f32>(0.0);
    }
    for (var part = range.x; part < parts; part++) {
        for (var i = lane; i < TILE_M * 8u; i += WORKGROUP) {
            let x_row = min(first_x_row + i / 8u, params.m - 1u);
            x_tile[swizzled(i / 8u, i % 8u)] = x_at(x_row, part * 8u + i % 8u);
        }
        // Rows past the end read the last row again; their sums are not written.
        if (lane < TILE_N) {
            let row = row_at(min(first_row + lane, params.rows - 1u), 0u);
            let l = levels(row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    w_tile[swizzled(lane, s * (8u / SPANS) + j)] =
                        weight(l.v[s * (8u / SPANS) + j], a);
                }
            }
        }
        workgroupBarrier();
        for (var turn = 0u; turn < 8u; turn += TURNS) {
            for (var j = 0u; j < TURNS; j++) { // unroll
                let i = turn + j;
                var v: array<vec4<f32>, 4>;
                for (var c = 0u; c < 4u; c++) { // unroll
                    v[c] = x_tile[swizzled(lane_x_row + SIXTEENS * c, i)];
                }
                for (var r = 0u; r < 4u; r++) { // unroll
                    let w = w_tile[swizzled(lane_row + 16u * r, i)];
                    sum[r] += vec4<f32>(dot(w, v[0]), dot(w, v[1]), dot(w, v[2]), dot(w, v[3]));
                }
            }
        }
        if ((part + 1u - range.x) % TOGETHER == 0u || part + 1u == parts) {
            for (var r = 0u; r < 4u; r++) { // unroll
                for (var c = 0u; c < 4u; c++) { // unroll
                    total[r * 4u + c] = plus(total[r * 4u + c], sum[r][c]);
                }
                sum[r] = vec4<f32>(0.0);
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r++) { // unroll
        for (var c = 0u; c < 4u; c++) { // unroll
            let row = first_row + lane_row + 16u * r;
            let x_row = first_x_row + lane_x_row + SIXTEENS * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, total[r * 4u + c].total + total[r * 4u + c].due);
            }
        }
    }
}

// Many rows of x: a workgroup of 256 lanes owns a tile of 64 rows of W by 64 rows of x.
//
// For each part of k, 64 lanes decode a row of W each into workgroup memory while the other 192 fetch x; then every
// lane multiplies 4 rows of W by 4 rows of x.
//
// Why the loop is as it is:
// - Both tiles together fill the 16 KiB of workgroup memory that every device has. A padded tile would not fit, so the
//   vec4s of a tile's row are swizzled by its index: lanes on different rows then hit different banks.
// - Lanes read vec4s along k, and a lane's rows are 16 apart, so that 16 lanes read 16 neighbouring rows.
// - Only the products of TOGETHER parts are added plainly; `plus` keeps what the total rounds off.
//
// Constants printed by the composer, next to those of the prelude: none.

const TILE: u32 = 64u;
const TOGETHER: u32 = 2u;  // parts whose products are added one after the other

var<workgroup> w_tile: array<vec4<f32>, TILE * 8u>;
var<workgroup> x_tile: array<vec4<f32>, TILE * 8u>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * 8u + (i ^ (row % 8u));
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.rows + TILE - 1u) / TILE;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE;
    let first_x_row = (index / tiles) * TILE;
    let range = part_range(id, count);
    let parts = range.y;
    // This lane's rows are 16 apart: lane_row + 16 i of W, lane_x_row + 16 i of x.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;

    var total: array<Sum, 16>;
    // Sums of TOGETHER parts: the error does not grow with k.
    var sum: array<vec4<f32>, 4>;
    for (var r = 0u; r < 4u; r++) { // unroll
        sum[r] = vec4<f32>(0.0);
    }
    for (var part = range.x; part < parts; part++) {
        if (lane < TILE) {
            let row = row_at(min(first_row + lane, params.rows - 1u), 0u);
            let l = levels(row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    w_tile[swizzled(lane, s * (8u / SPANS) + j)] =
                        weight(l.v[s * (8u / SPANS) + j], a);
                }
            }
        } else {
            for (var i = lane - TILE; i < TILE * 8u; i += 256u - TILE) {
                let x_row = min(first_x_row + i / 8u, params.m - 1u);
                x_tile[swizzled(i / 8u, i % 8u)] = x_at(x_row, part * 8u + i % 8u);
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < 8u; i++) {
            var v: array<vec4<f32>, 4>;
            for (var c = 0u; c < 4u; c++) { // unroll
                v[c] = x_tile[swizzled(lane_x_row + 16u * c, i)];
            }
            for (var r = 0u; r < 4u; r++) { // unroll
                let w = w_tile[swizzled(lane_row + 16u * r, i)];
                sum[r] += vec4<f32>(dot(w, v[0]), dot(w, v[1]), dot(w, v[2]), dot(w, v[3]));
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
            let x_row = first_x_row + lane_x_row + 16u * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, total[r * 4u + c].total + total[r * 4u + c].due);
            }
        }
    }
}

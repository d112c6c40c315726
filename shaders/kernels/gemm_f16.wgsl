// Many rows of x, with x and weights rounded to f16: a workgroup of 256 owns a tile of 16 * ROWS rows of
// weights by 16 * COLS rows of x.
//
// Halves take half the room of `gemm`'s floats, so that a larger tile fits in the 16 KiB that every device
// has, and every lane multiplies more rows by more columns. Products of two halves are exact in f32, and
// summed there. For each part of k, one lane a row decodes weights into workgroup memory while the others
// fetch x. Two rows of a tile are one run over all banks, in which the vec4s of every second row are
// swizzled by its index: 16 lanes on neighbouring rows then hit different banks.

var<workgroup> w_tile: array<vec4<f16>, 16u * ROWS * 8u>;
var<workgroup> x_tile: array<vec4<f16>, 16u * COLS * 8u>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * 8u + (i ^ ((row / 2u) % 8u));
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.rows + 16u * ROWS - 1u) / (16u * ROWS);
    let index = grid_index(id, count);
    let first_row = (index % tiles) * 16u * ROWS;
    let first_col = (index / tiles) * 16u * COLS;
    let parts = part_count(id);
    // This lane's rows and columns are 16 apart: lane_row + 16 i, lane_col + 16 i.
    let lane_row = lane % 16u;
    let lane_col = lane / 16u;

    var sum: array<f32, ROWS * COLS>;
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        sum[i] = 0.0;
    }
    for (var part = 0u; part < parts; part++) {
        // Rows and columns past the end read the last one again; what they add up is not written.
        if (lane < 16u * ROWS) {
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
            for (var i = lane - 16u * ROWS; i < 16u * COLS * 8u; i += 256u - 16u * ROWS) {
                let col = min(first_col + i / 8u, params.m - 1u);
                x_tile[swizzled(i / 8u, i % 8u)] = vec4<f16>(x_at(col, part * 8u + i % 8u));
            }
        }
        workgroupBarrier();
        // Summed for each part on its own: the error then grows with k / 32, not with k.
        var part_sum: array<f32, ROWS * COLS>;
        for (var i = 0u; i < ROWS * COLS; i++) { // unroll
            part_sum[i] = 0.0;
        }
        for (var i = 0u; i < 8u; i++) {
            var v: array<vec4<f32>, COLS>;
            for (var c = 0u; c < COLS; c++) { // unroll
                v[c] = vec4<f32>(x_tile[swizzled(lane_col + 16u * c, i)]);
            }
            for (var r = 0u; r < ROWS; r++) { // unroll
                let w = vec4<f32>(w_tile[swizzled(lane_row + 16u * r, i)]);
                for (var c = 0u; c < COLS; c++) { // unroll
                    part_sum[r * COLS + c] += dot(w, v[c]);
                }
            }
        }
        for (var i = 0u; i < ROWS * COLS; i++) { // unroll
            sum[i] += part_sum[i];
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < ROWS; r++) { // unroll
        for (var c = 0u; c < COLS; c++) { // unroll
            let row = first_row + lane_row + 16u * r;
            let col = first_col + lane_col + 16u * c;
            if (row < params.rows && col < params.m) {
                store(params.first_row + row, col, sum[r * COLS + c]);
            }
        }
    }
}

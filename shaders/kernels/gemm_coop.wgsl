// Many rows of x, multiplied by matrix units: f16 by f16, summed in f32.
//
// A workgroup owns a tile of TILE_ROWS rows of weights by TILE_COLS rows of x. For each part of k, one
// lane a row decodes weights into workgroup memory while the others fetch x, both rounded to f16; then
// subgroups multiply. Every subgroup owns SUB_ROWS by SUB_COLS matrices of MATRIX x MATRIX sums,
// subgroups lie GRID_ROWS side by side along the rows. Rows of a tile are STRIDE halves apart, 8 more
// than they hold, so that the rows that a matrix is loaded from lie in different banks.
//
// Matrices are loaded from these tiles only, never from the caller's buffers: where rows, columns or k
// end within a tile, it is filled all the same, and no load can reach past the end of anything
// (wgpu checks only a matrix's first element). Sums go out through workgroup memory one matrix at a time, since WGSL
// cannot look into a matrix. A driver may run smaller subgroups than WORKGROUP was divided by; the additional
// ones do the work of the first ones again and write the same sums.

var<workgroup> y_tile: array<f32, SUBGROUPS * MATRIX * MATRIX>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_size) subgroup_size: u32,
    @builtin(subgroup_invocation_id) in_subgroup: u32,
) {
    let tiles = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE_ROWS;
    let first_col = (index / tiles) * TILE_COLS;
    let parts = part_count(id);
    let subgroup = subgroup_id % SUBGROUPS;
    // Where this subgroup's sums begin in the tile.
    let sub_row = (subgroup % GRID_ROWS) * SUB_ROWS * MATRIX;
    let sub_col = (subgroup / GRID_ROWS) * SUB_COLS * MATRIX;

    var sum: array<MatrixY, SUB_ROWS * SUB_COLS>;
    for (var i = 0u; i < SUB_ROWS * SUB_COLS; i++) { // unroll
        sum[i] = MatrixY();
    }
    for (var part = 0u; part < parts; part++) {
        // Rows and columns past the end read the last one again; what they add up is not written.
        if (lane < TILE_ROWS) {
            let row = row_at(min(first_row + lane, params.rows - 1u), 0u);
            let l = levels(row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    let i = s * (8u / SPANS) + j;
                    put_w(lane, i, in_row(part * 8u + i, weight(l.v[i], a)));
                }
            }
        } else {
            for (var i = lane - TILE_ROWS; i < TILE_COLS * 8u; i += WORKGROUP - TILE_ROWS) {
                let col = min(first_col + i / 8u, params.m - 1u);
                put_x(i / 8u, i % 8u, x_at(col, part * 8u + i % 8u));
            }
        }
        workgroupBarrier();
        for (var step = 0u; step < PART / MATRIX; step++) { // unroll
            var w: array<MatrixW, SUB_ROWS>;
            for (var r = 0u; r < SUB_ROWS; r++) { // unroll
                let at = (sub_row + r * MATRIX) * STRIDE + step * MATRIX;
                w[r] = coopLoad<MatrixW>(&w_tile[at / UNIT], STRIDE / UNIT);
            }
            for (var c = 0u; c < SUB_COLS; c++) { // unroll
                let at = (sub_col + c * MATRIX) * STRIDE + step * MATRIX;
                let v = coopLoadT<MatrixX>(&x_tile[at / UNIT], STRIDE / UNIT);
                for (var r = 0u; r < SUB_ROWS; r++) { // unroll
                    sum[c * SUB_ROWS + r] = coopMultiplyAdd(v, w[r], sum[c * SUB_ROWS + r]);
                }
            }
        }
        workgroupBarrier();
    }

    for (var c = 0u; c < SUB_COLS; c++) { // unroll
        for (var r = 0u; r < SUB_ROWS; r++) { // unroll
            coopStoreT(sum[c * SUB_ROWS + r], &y_tile[subgroup * MATRIX * MATRIX], MATRIX);
            workgroupBarrier();
            for (var i = in_subgroup; i < MATRIX * MATRIX; i += subgroup_size) {
                let row = first_row + sub_row + r * MATRIX + i % MATRIX;
                let col = first_col + sub_col + c * MATRIX + i / MATRIX;
                if (row < params.rows && col < params.m) {
                    store(params.first_row + row, col, y_tile[subgroup * MATRIX * MATRIX + i]);
                }
            }
            workgroupBarrier();
        }
    }
}

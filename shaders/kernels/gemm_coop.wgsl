// Many rows of x, multiplied by matrix units: f16 by f16, summed in f32.
//
// A workgroup owns a tile of TILE_N rows of W by TILE_M rows of x. For each part of k, TILE_N lanes decode a row of W
// each into workgroup memory while the others fetch x, both rounded to f16; then the subgroups multiply. Each subgroup
// owns SUBGROUP_N by SUBGROUP_M matrices of MATRIX x MATRIX sums; SUBGROUPS_N subgroups lie next to each other along n.
//
// Why the loop is as it is:
// - Rows of a tile are STRIDE halves apart, 8 more than they hold, so that the rows that a matrix is loaded from lie in
//   different banks.
// - Matrices are loaded from these tiles only, never from the caller's buffers: the tiles are always full, so that no
//   load reaches past the end of anything where n, m or k ends within a tile (wgpu checks only a matrix's first
//   element).
// - Sums leave through workgroup memory one matrix at a time, since WGSL cannot read the elements of a matrix.
// - A driver may run smaller subgroups than the workgroup was divided by. The additional ones repeat the work of the
//   first ones and write nothing.
//
// Constants printed by the composer, next to those of the prelude:
//   TILE_N, TILE_M          rows of W and rows of x of a tile
//   MATRIX                  side of a matrix
//   STRIDE                  halves from one row of a tile to the next
//   SUBGROUPS               subgroups that share the tile
//   SUBGROUP_N, SUBGROUP_M  matrices of a subgroup along n and m
//   SUBGROUPS_N             subgroups along n

var<workgroup> y_tile: array<f32, SUBGROUPS * MATRIX * MATRIX>;

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    begin(here);
    let lane = lane_index(here);
    let tiles = (params.rows + TILE_N - 1u) / TILE_N;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE_N;
    let first_x_row = (index / tiles) * TILE_M;
    let parts = part_count(id);
    let subgroup = here.subgroup % SUBGROUPS;
    // Where this subgroup's sums begin in the tile.
    let sub_row = (subgroup % SUBGROUPS_N) * SUBGROUP_N * MATRIX;
    let sub_x_row = (subgroup / SUBGROUPS_N) * SUBGROUP_M * MATRIX;

    var sum: array<MatrixY, SUBGROUP_N * SUBGROUP_M>;
    for (var i = 0u; i < SUBGROUP_N * SUBGROUP_M; i++) { // unroll
        sum[i] = MatrixY();
    }
    for (var part = 0u; part < parts; part++) {
        // Rows past the end read the last row again; their sums are not written.
        if (lane < TILE_N) {
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
            for (var i = lane - TILE_N; i < TILE_M * 8u; i += WORKGROUP - TILE_N) {
                let x_row = min(first_x_row + i / 8u, params.m - 1u);
                put_x(i / 8u, i % 8u, x_at(x_row, part * 8u + i % 8u));
            }
        }
        workgroupBarrier();
        for (var step = 0u; step < PART / MATRIX; step++) { // unroll
            var w: array<MatrixW, SUBGROUP_N>;
            for (var r = 0u; r < SUBGROUP_N; r++) { // unroll
                let at = (sub_row + r * MATRIX) * STRIDE + step * MATRIX;
                w[r] = coopLoad<MatrixW>(&w_tile[at / ELEMENT], STRIDE / ELEMENT);
            }
            for (var c = 0u; c < SUBGROUP_M; c++) { // unroll
                let at = (sub_x_row + c * MATRIX) * STRIDE + step * MATRIX;
                let v = coopLoadT<MatrixX>(&x_tile[at / ELEMENT], STRIDE / ELEMENT);
                for (var r = 0u; r < SUBGROUP_N; r++) { // unroll
                    sum[c * SUBGROUP_N + r] = coopMultiplyAdd(v, w[r], sum[c * SUBGROUP_N + r]);
                }
            }
        }
        workgroupBarrier();
    }

    for (var c = 0u; c < SUBGROUP_M; c++) { // unroll
        for (var r = 0u; r < SUBGROUP_N; r++) { // unroll
            coopStoreT(sum[c * SUBGROUP_N + r], &y_tile[subgroup * MATRIX * MATRIX], MATRIX);
            workgroupBarrier();
            for (var i = here.index; i < MATRIX * MATRIX; i += here.size) {
                let row = first_row + sub_row + r * MATRIX + i % MATRIX;
                let x_row = first_x_row + sub_x_row + c * MATRIX + i / MATRIX;
                if (here.subgroup < SUBGROUPS && row < params.rows && x_row < params.m) {
                    store(params.first_row + row, x_row, y_tile[subgroup * MATRIX * MATRIX + i]);
                }
            }
            workgroupBarrier();
        }
    }
}

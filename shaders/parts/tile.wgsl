// What a lane owns: LANE_N rows of W, INTERLEAVE apart, and LANE_M rows of x.

struct LaneTile {
    row: array<Row, LANE_N>,
    x_row: array<u32, LANE_M>,
}

// Rows past the end are the last row again; their sums are not written.
fn lane_tile_at(first_row: u32, first_x_row: u32) -> LaneTile {
    var tile: LaneTile;
    for (var r = 0u; r < LANE_N; r++) { // unroll
        tile.row[r] = row_at(min(first_row + r * INTERLEAVE, params.rows - 1u), r);
    }
    for (var c = 0u; c < LANE_M; c++) { // unroll
        tile.x_row[c] = min(first_x_row + c, params.m - 1u);
    }
    return tile;
}

fn store_lane_tile(y: array<f32, LANE_N * LANE_M>, first_row: u32, first_x_row: u32) {
    for (var r = 0u; r < LANE_N; r++) { // unroll
        for (var c = 0u; c < LANE_M; c++) { // unroll
            if (first_row + r * INTERLEAVE < params.rows && first_x_row + c < params.m) {
                store(params.first_row + first_row + r * INTERLEAVE, first_x_row + c, y[r * LANE_M + c]);
            }
        }
    }
}

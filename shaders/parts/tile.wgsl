// What a lane owns: ROWS rows of weights, INTERLEAVE apart, and COLS rows of x.

struct Tile {
    row: array<Row, ROWS>,
    col: array<u32, COLS>,
}

// Rows and columns past the end are the last ones again; what they add up is not written.
fn tile_at(first_row: u32, first_col: u32) -> Tile {
    var tile: Tile;
    for (var r = 0u; r < ROWS; r++) { // unroll
        tile.row[r] = row_at(min(first_row + r * INTERLEAVE, params.rows - 1u), r);
    }
    for (var c = 0u; c < COLS; c++) { // unroll
        tile.col[c] = min(first_col + c, params.m - 1u);
    }
    return tile;
}

fn store_tile(y: array<f32, ROWS * COLS>, first_row: u32, first_col: u32) {
    for (var r = 0u; r < ROWS; r++) { // unroll
        for (var c = 0u; c < COLS; c++) { // unroll
            if (first_row + r * INTERLEAVE < params.rows && first_col + c < params.m) {
                store(params.first_row + first_row + r * INTERLEAVE, first_col + c, y[r * COLS + c]);
            }
        }
    }
}

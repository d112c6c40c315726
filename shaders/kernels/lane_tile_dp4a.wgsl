// As lane_tile.wgsl, for x rounded to bytes: a lane owns ROWS rows of weights, eight apart, and COLS rows
// of x. Sums of a span are exact integers; scales come after.

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    // Tiles of the same rows come one after the other: their weights are then still in a cache.
    let tiles = (params.m + COLS - 1u) / COLS;
    let index = grid_index(id, count);
    let octet = lane_index(lane) / INTERLEAVE;
    let first_row = ((index / tiles) * (WORKGROUP / INTERLEAVE) + octet) * INTERLEAVE * ROWS
        + lane_index(lane) % INTERLEAVE;
    let first_col = (index % tiles) * COLS;
    let parts = part_count(id);

    // What is due is of STRETCH parts at most: the error does not grow with k.
    var sum: array<Sum, ROWS * COLS>;
    let touched = add_parts(&sum, tile_at(first_row, first_col), lane, parts);
    var y = finished(&sum);
    y[0] += f32(touched & params.zero);
    store_tile(y, first_row, first_col);
}

// Adds the products of one part, and returns some bits of its words.
fn add_part(sum: ptr<function, array<Sum, ROWS * COLS>>, tile: Tile, lane: Lane, part: u32) -> u32 {
    var touched = 0u;
    // As in lane_tile.wgsl: misses overlap.
    for (var r = 0u; r < ROWS; r++) { // unroll
        touched |= touch(tile.row[r], part * UNITS / UNIT_PARTS);
    }
    var v: array<Bytes, COLS>;
    for (var c = 0u; c < COLS; c++) { // unroll
        v[c] = spread_bytes(tile.col[c], part, lane);
    }
    for (var r = 0u; r < ROWS; r++) { // unroll
        let w = level_words(tile.row[r], part);
        for (var s = 0u; s < SPANS; s++) { // unroll
            let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
            for (var c = 0u; c < COLS; c++) { // unroll
                let d = span_dot(w, v[c].codes, s);
                let x_sum = span_sum(v[c].sums, s);
                (*sum)[r * COLS + c].due += weighted(level_sum(d, x_sum), f32(x_sum), a) * v[c].scale;
            }
        }
    }
    return touched;
}

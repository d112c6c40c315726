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
    let parts = (params.k + PART - 1u) / PART;

    // Rows and columns past the end read the last one again; what they add up is not written.
    var row: array<Row, ROWS>;
    for (var r = 0u; r < ROWS; r++) { // unroll
        row[r] = row_at(min(first_row + r * INTERLEAVE, params.rows - 1u), r);
    }
    var col: array<u32, COLS>;
    for (var c = 0u; c < COLS; c++) { // unroll
        col[c] = min(first_col + c, params.m - 1u);
    }
    var total: array<Sum, ROWS * COLS>;
    // Of STRETCH parts at most: the error does not grow with k.
    var sum: array<f32, ROWS * COLS>;
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        sum[i] = 0.0;
    }

    var touched = 0u;
    for (var part = 0u; part < parts; part++) {
        // As in lane_tile.wgsl: misses overlap.
        for (var r = 0u; r < ROWS; r++) { // unroll
            touched |= touch(row[r], part * UNITS / UNIT_PARTS);
        }
        var v: array<Bytes, COLS>;
        for (var c = 0u; c < COLS; c++) { // unroll
            v[c] = spread_bytes(col[c], part, lane);
        }
        for (var r = 0u; r < ROWS; r++) { // unroll
            let w = level_words(row[r], part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = for_integers(affine(row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                for (var c = 0u; c < COLS; c++) { // unroll
                    let d = span_dot(w, v[c].codes, s);
                    let x_sum = span_sum(v[c].sums, s);
                    sum[r * COLS + c] += weighted(level_sum(d, x_sum), f32(x_sum), a) * v[c].scale;
                }
            }
        }
        if ((part + 1u) % STRETCH == 0u) {
            keep(&total, &sum);
        }
    }
    finish_sums(&total, &sum);

    for (var r = 0u; r < ROWS; r++) { // unroll
        for (var c = 0u; c < COLS; c++) { // unroll
            if (first_row + r * INTERLEAVE < params.rows && first_col + c < params.m) {
                let y = sum[r * COLS + c] + f32(touched & params.zero);
                store(params.first_row + first_row + r * INTERLEAVE, first_col + c, y);
            }
        }
    }
}

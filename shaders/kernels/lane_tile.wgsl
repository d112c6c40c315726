// A lane owns ROWS rows of weights, eight apart, and COLS rows of x: whole sums, so that lanes neither
// wait for each other nor share memory, which is what processors want.
//
// A workgroup owns ROWS * WORKGROUP rows. Eight neighbouring lanes own eight interleaved rows, so they
// read one run of memory; all lanes need the same floats of x. One row after the other is decoded and
// used up at once: what a lane holds then fits the registers of a processor.

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    begin(lane);
    let tiles = (params.rows + WORKGROUP * ROWS - 1u) / (WORKGROUP * ROWS);
    let index = grid_index(id, count);
    let octet = lane_index(lane) / INTERLEAVE;
    let first_row = ((index % tiles) * (WORKGROUP / INTERLEAVE) + octet) * INTERLEAVE * ROWS
        + lane_index(lane) % INTERLEAVE;
    let first_col = (index / tiles) * COLS;
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
        // A word of every row before any is used: their cache misses then overlap, while a processor that
        // meets them one by one has no room to look so far ahead (lavapipe 26.2, m = 1: 13 to 32 % faster,
        // m = 8 and 32: 4 to 6 %).
        for (var r = 0u; r < ROWS; r++) { // unroll
            touched |= touch(row[r], part * UNITS / UNIT_PARTS);
        }
        if (part % HOLD == 0u) {
            for (var r = 0u; r < ROWS; r++) { // unroll
                hold(row[r], part);
            }
        }
        var w: array<Levels, ROWS>;
        for (var r = 0u; r < ROWS; r++) { // unroll
            w[r] = factors(row[r], part);
        }
        for (var b = 0u; b < COLS / BLOCK; b++) { // unroll
            var v: array<array<vec4<f32>, 8>, BLOCK>;
            for (var c = 0u; c < BLOCK; c++) { // unroll
                v[c] = part_of_x(col[b * BLOCK + c], part, lane);
            }
            for (var s = 0u; s < CHAINS; s++) { // unroll
                var chain: array<f32, ROWS * BLOCK>;
                for (var i = 0u; i < ROWS * BLOCK; i++) { // unroll
                    chain[i] = 0.0;
                }
                for (var j = 0u; j < 8u / CHAINS; j++) { // unroll
                    for (var c = 0u; c < BLOCK; c++) { // unroll
                        let x = v[c][s * (8u / CHAINS) + j];
                        for (var r = 0u; r < ROWS; r++) { // unroll
                            let l = w[r].v[s * (8u / CHAINS) + j];
                            var dots = chain[r * BLOCK + c];
                            dots = fma(l.x, x.x, dots);
                            dots = fma(l.y, x.y, dots);
                            dots = fma(l.z, x.z, dots);
                            chain[r * BLOCK + c] = fma(l.w, x.w, dots);
                        }
                    }
                }
                for (var r = 0u; r < ROWS; r++) { // unroll
                    let a = affine(row[r], (part * PART + s * (PART / CHAINS)) / GROUP);
                    for (var c = 0u; c < BLOCK; c++) { // unroll
                        sum[r * COLS + b * BLOCK + c] += scaled(chain[r * BLOCK + c], a);
                    }
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

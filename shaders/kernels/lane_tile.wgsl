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
    let parts = part_count(id);

    // What is due is of STRETCH parts at most: the error does not grow with k.
    var sum: array<Sum, ROWS * COLS>;
    let touched = add_parts(&sum, tile_at(first_row, first_col), lane, parts);
    var y = finished(&sum);
    y[0] += f32(touched & params.zero);
    again(&y, first_row, first_col, 0u, parts, 1u);
    store_tile(y, first_row, first_col);
}

// Adds the products of one part, and returns some bits of its words.
fn add_part(sum: ptr<function, array<Sum, ROWS * COLS>>, tile: Tile, lane: Lane, part: u32) -> u32 {
    var touched = 0u;
    // A word of every row before any is used: their cache misses then overlap, while a processor that
    // meets them one by one has no room to look so far ahead (lavapipe 26.2, m = 1: 13 to 32 % faster,
    // m = 8 and 32: 4 to 6 %).
    for (var r = 0u; r < ROWS; r++) { // unroll
        touched |= touch(tile.row[r], part * UNITS / UNIT_PARTS);
    }
    if (part % HOLD == 0u) {
        for (var r = 0u; r < ROWS; r++) { // unroll
            hold(tile.row[r], part);
        }
    }
    var w: array<Levels, ROWS>;
    for (var r = 0u; r < ROWS; r++) { // unroll
        w[r] = factors(tile.row[r], part);
    }
    for (var b = 0u; b < COLS / BLOCK; b++) { // unroll
        var v: array<array<vec4<f32>, 8>, BLOCK>;
        for (var c = 0u; c < BLOCK; c++) { // unroll
            v[c] = part_of_x(tile.col[b * BLOCK + c], part, lane);
        }
        var runs: array<f32, ROWS * BLOCK>;
        for (var s = 0u; s < SPANS; s++) { // unroll
            var run: array<f32, ROWS * BLOCK>;
            var x_sum: array<f32, BLOCK>;
            for (var h = 0u; h < CHAINS; h++) { // unroll
                var chain: array<f32, ROWS * BLOCK>;
                for (var j = 0u; j < 8u / SPANS / CHAINS; j++) { // unroll
                    for (var c = 0u; c < BLOCK; c++) { // unroll
                        let x = v[c][s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                        for (var r = 0u; r < ROWS; r++) { // unroll
                            let f = w[r].v[s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                            var dots = chain[r * BLOCK + c];
                            dots = fma(f.x, x.x, dots);
                            dots = fma(f.y, x.y, dots);
                            dots = fma(f.z, x.z, dots);
                            chain[r * BLOCK + c] = fma(f.w, x.w, dots);
                        }
                        x_sum[c] += sum_of_x(x);
                    }
                }
                for (var i = 0u; i < ROWS * BLOCK; i++) { // unroll
                    run[i] += chain[i];
                }
            }
            for (var r = 0u; r < ROWS; r++) { // unroll
                let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                for (var c = 0u; c < BLOCK; c++) { // unroll
                    runs[r * BLOCK + c] += weighted(run[r * BLOCK + c], x_sum[c], a);
                }
            }
        }
        for (var r = 0u; r < ROWS; r++) { // unroll
            for (var c = 0u; c < BLOCK; c++) { // unroll
                (*sum)[r * COLS + b * BLOCK + c].due += runs[r * BLOCK + c];
            }
        }
    }
    return touched;
}

// A lane owns ROWS rows of weights, eight apart, and COLS rows of x: whole sums, so that lanes neither
// wait for each other nor share memory, which is what processors want.
//
// A workgroup owns ROWS * WORKGROUP rows. Eight neighbouring lanes own eight interleaved rows, so they
// read one run of memory; all lanes need the same floats of x. One row after the other is decoded and
// used up at once: what a lane holds then fits the registers of a processor.

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    lane: Lane,
) {
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
    var sum: array<f32, ROWS * COLS>;
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        sum[i] = 0.0;
    }

    var touched = 0u;
    for (var part = 0u; part < parts; part++) {
        // A word of every row before any is used: their cache misses then overlap, while a processor that
        // meets them one by one has no room to look so far ahead (m = 1, lavapipe 26.2: 13 to 32 % faster).
        for (var r = 0u; r < TOUCHED_ROWS; r++) { // unroll
            touched |= touch(row[r], part * UNITS / UNIT_PARTS);
        }
        if (part % HOLD == 0u) {
            for (var r = 0u; r < ROWS; r++) { // unroll
                hold(row[r], part);
            }
        }
        var v: array<array<vec4<f32>, 8>, COLS>;
        for (var c = 0u; c < COLS; c++) { // unroll
            v[c] = part_of_x(col[c], part, lane);
        }
        for (var r = 0u; r < ROWS; r++) { // unroll
            let w = levels(row[r], part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(row[r], (part * PART + s * (PART / SPANS)) / GROUP);
                for (var c = 0u; c < COLS; c++) { // unroll
                    var level_sum = 0.0;
                    var x_sum = 0.0;
                    for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                        let l = w.v[s * (8u / SPANS) + j];
                        let x = v[c][s * (8u / SPANS) + j];
                        level_sum = fma(l.x, x.x, level_sum);
                        level_sum = fma(l.y, x.y, level_sum);
                        level_sum = fma(l.z, x.z, level_sum);
                        level_sum = fma(l.w, x.w, level_sum);
                        x_sum += dot(x, vec4<f32>(1.0));
                    }
                    sum[r * COLS + c] += weighted(level_sum, x_sum, a);
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) { // unroll
        for (var c = 0u; c < COLS; c++) { // unroll
            if (first_row + r * INTERLEAVE < params.rows && first_col + c < params.m) {
                let y = sum[r * COLS + c] + f32(touched & params.zero);
                store(params.first_row + first_row + r * INTERLEAVE, first_col + c, y);
            }
        }
    }
}

// Few rows of x at a time: y[c, r] = Σ_k x[c, k] · w[r, k].
//
// A workgroup owns ROWS · 8 · (WORKGROUP / (8 · LANES_K)) rows of weights and COLS rows of x.
// Eight neighbouring lanes own eight interleaved rows at the same part, so they read one run of
// memory and the same floats of x; LANES_K such octets share the parts of a row and add up
// their sums at the end. A lane owns ROWS rows, eight apart, so that each float of x it reads
// serves ROWS · COLS products, and each weight it decodes serves COLS.

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    let lane = lane_index(here);
    let octets = WORKGROUP / (INTERLEAVE * LANES_K);
    let tiles = (params.rows + octets * INTERLEAVE * ROWS - 1u) / (octets * INTERLEAVE * ROWS);
    let index = grid_index(id, count);
    let octet = lane / (INTERLEAVE * LANES_K);
    let lane_k = (lane / INTERLEAVE) % LANES_K;
    let first_row = ((index % tiles) * octets + octet) * INTERLEAVE * ROWS + lane % INTERLEAVE;
    let first_col = (index / tiles) * COLS;
    let range = part_range(id, count);
    let parts = range.y;

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

    var turns = 0u;
    for (var part = range.x + lane_k; part < parts; part += LANES_K) {
        var w: array<Levels, ROWS>;
        for (var r = 0u; r < ROWS; r++) { // unroll
            w[r] = factors(row[r], part);
        }
        for (var s = 0u; s < CHAINS; s++) { // unroll
            var chain: array<f32, ROWS * COLS>;
            for (var i = 0u; i < ROWS * COLS; i++) { // unroll
                chain[i] = 0.0;
            }
            for (var j = 0u; j < 8u / CHAINS; j++) { // unroll
                for (var c = 0u; c < COLS; c++) { // unroll
                    let v = x_at(col[c], part * 8u + s * (8u / CHAINS) + j);
                    for (var r = 0u; r < ROWS; r++) { // unroll
                        chain[r * COLS + c] += dot(w[r].v[s * (8u / CHAINS) + j], v);
                    }
                }
            }
            for (var r = 0u; r < ROWS; r++) { // unroll
                let a = affine(row[r], (part * PART + s * (PART / CHAINS)) / GROUP);
                for (var c = 0u; c < COLS; c++) { // unroll
                    sum[r * COLS + c] += scaled(chain[r * COLS + c], a);
                }
            }
        }
        turns += 1u;
        if (turns % STRETCH == 0u) {
            keep(&total, &sum);
        }
    }
    finish_sums(&total, &sum);

    reduce(&sum, lane);
    if (lane_k == 0u) {
        for (var r = 0u; r < ROWS; r++) { // unroll
            for (var c = 0u; c < COLS; c++) { // unroll
                if (first_row + r * INTERLEAVE < params.rows && first_col + c < params.m) {
                    store(params.first_row + first_row + r * INTERLEAVE, first_col + c, sum[r * COLS + c]);
                }
            }
        }
    }
}

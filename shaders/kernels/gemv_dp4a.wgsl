// As gemv.wgsl, for x rounded to bytes: eight neighbouring lanes own eight interleaved rows, LANES_K such
// octets share the parts of a row. Sums of a span are exact integers; scales come after.

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    let lane = lane_index(here);
    let octets = WORKGROUP / (INTERLEAVE * LANES_K);
    let tiles = (params.rows + octets * INTERLEAVE * ROWS - 1u) / (octets * INTERLEAVE * ROWS);
    let index = grid_index(id, count);
    let octet = lane / (INTERLEAVE * LANES_K);
    let lane_k = (lane / INTERLEAVE) % LANES_K;
    let first_row = ((index % tiles) * octets + octet) * INTERLEAVE * ROWS + lane % INTERLEAVE;
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

    var turns = 0u;
    for (var part = lane_k; part < parts; part += LANES_K) {
        var w: array<Codes, ROWS>;
        for (var r = 0u; r < ROWS; r++) { // unroll
            w[r] = level_words(row[r], part);
        }
        for (var c = 0u; c < COLS; c++) { // unroll
            let v = x_bytes(col[c], part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let x_sum = span_sum(v.sums, s);
                for (var r = 0u; r < ROWS; r++) { // unroll
                    let a = for_integers(affine(row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                    let d = span_dot(w[r], v.codes, s);
                    sum[r * COLS + c] += weighted(level_sum(d, x_sum), f32(x_sum), a) * v.scale;
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

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

    let tile = tile_at(first_row, first_col);
    // What is due is of STRETCH parts at most: the error does not grow with k.
    var sum: array<Sum, ROWS * COLS>;

    for (var start = range.x; start < parts; start += STRETCH * LANES_K) {
        let end = min(start + STRETCH * LANES_K, parts);
        for (var part = start + lane_k; part < end; part += LANES_K) {
            var w: array<Levels, ROWS>;
            for (var r = 0u; r < ROWS; r++) { // unroll
                w[r] = factors(tile.row[r], part);
            }
            var runs: array<f32, ROWS * COLS>;
            for (var s = 0u; s < SPANS; s++) { // unroll
                var run: array<f32, ROWS * COLS>;
                var x_sum: array<f32, COLS>;
                for (var h = 0u; h < CHAINS; h++) { // unroll
                    var chain: array<f32, ROWS * COLS>;
                    for (var j = 0u; j < 8u / SPANS / CHAINS; j++) { // unroll
                        for (var c = 0u; c < COLS; c++) { // unroll
                            let v = x_at(tile.col[c], part * 8u + s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j);
                            for (var r = 0u; r < ROWS; r++) { // unroll
                                let f = w[r].v[s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                                chain[r * COLS + c] += dot(f, v);
                            }
                            x_sum[c] += sum_of_x(v);
                        }
                    }
                    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
                        run[i] += chain[i];
                    }
                }
                for (var r = 0u; r < ROWS; r++) { // unroll
                    let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                    for (var c = 0u; c < COLS; c++) { // unroll
                        runs[r * COLS + c] += weighted(run[r * COLS + c], x_sum[c], a);
                    }
                }
            }
            for (var i = 0u; i < ROWS * COLS; i++) { // unroll
                sum[i].due += runs[i];
            }
        }
        settle(&sum);
    }
    var y = finished(&sum);
    again(&y, first_row, first_col, range.x + lane_k, parts, LANES_K);

    reduce(&y, lane);
    if (lane_k == 0u) {
        store_tile(y, first_row, first_col);
    }
}

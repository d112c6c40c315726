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
    let parts = part_count(id);

    let tile = tile_at(first_row, first_col);
    // What is due is of STRETCH parts at most: the error does not grow with k.
    var sum: array<Sum, ROWS * COLS>;

    for (var start = 0u; start < parts; start += STRETCH * LANES_K) {
        let end = min(start + STRETCH * LANES_K, parts);
        for (var part = start + lane_k; part < end; part += LANES_K) {
            var w: array<Codes, ROWS>;
            for (var r = 0u; r < ROWS; r++) { // unroll
                w[r] = level_words(tile.row[r], part);
            }
            for (var c = 0u; c < COLS; c++) { // unroll
                let v = x_bytes(tile.col[c], part);
                for (var s = 0u; s < SPANS; s++) { // unroll
                    let x_sum = span_sum(v.sums, s);
                    for (var r = 0u; r < ROWS; r++) { // unroll
                        let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                        let d = span_dot(w[r], v.codes, s);
                        sum[r * COLS + c].due += weighted(level_sum(d, x_sum), f32(x_sum), a) * v.scale;
                    }
                }
            }
        }
        settle(&sum);
    }
    var y = finished(&sum);

    reduce(&y, lane);
    if (lane_k == 0u) {
        store_tile(y, first_row, first_col);
    }
}

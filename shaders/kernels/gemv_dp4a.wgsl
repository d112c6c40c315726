// As gemv.wgsl, for x rounded to bytes: eight neighbouring lanes own eight interleaved rows of W, LANES_K such octets
// share the parts of a row. The sum of a span is an exact integer, to which scales come once.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M  rows of W and rows of x whose sums a lane owns
//   LANES_K         octets that share a row
//   STRETCH         parts of a lane between two settlements

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    begin(here);
    let lane = lane_index(here);
    let octets = WORKGROUP / (INTERLEAVE * LANES_K);
    let tiles = (params.rows + octets * INTERLEAVE * LANE_N - 1u) / (octets * INTERLEAVE * LANE_N);
    let index = grid_index(id, count);
    let octet = lane / (INTERLEAVE * LANES_K);
    let lane_k = (lane / INTERLEAVE) % LANES_K;
    let first_row = ((index % tiles) * octets + octet) * INTERLEAVE * LANE_N + lane % INTERLEAVE;
    let first_x_row = (index / tiles) * LANE_M;
    let parts = part_count(id);

    let tile = lane_tile_at(first_row, first_x_row);
    // At most STRETCH parts are due at any time: the error does not grow with k.
    var sum: array<Sum, LANE_N * LANE_M>;

    for (var start = 0u; start < parts; start += STRETCH * LANES_K) {
        let end = min(start + STRETCH * LANES_K, parts);
        for (var part = start + lane_k; part < end; part += LANES_K) {
            var w: array<Codes, LANE_N>;
            for (var r = 0u; r < LANE_N; r++) { // unroll
                w[r] = level_words(tile.row[r], part);
            }
            for (var c = 0u; c < LANE_M; c++) { // unroll
                let v = x_bytes(tile.x_row[c], part);
                for (var s = 0u; s < SPANS; s++) { // unroll
                    let x_sum = span_sum(v.sums, s);
                    for (var r = 0u; r < LANE_N; r++) { // unroll
                        let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                        let d = span_dot(w[r], v.codes, s);
                        sum[r * LANE_M + c].due += weighted(level_sum(d, x_sum), f32(x_sum), a) * v.scale;
                    }
                }
            }
        }
        settle(&sum);
    }
    var y = finished(&sum);

    reduce(&y, lane);
    if (lane_k == 0u) {
        store_lane_tile(y, first_row, first_x_row);
    }
}

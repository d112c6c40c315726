// Few rows of x: y[c, r] = Σ_k x[c, k] · w[r, k].
//
// Eight neighbouring lanes, an octet, own eight interleaved rows of W at the same part; LANES_K octets share the parts
// of a row and add up their sums at the end. A lane owns LANE_N rows of W, eight apart, and LANE_M rows of x, so a
// workgroup owns WORKGROUP / LANES_K · LANE_N rows of W.
//
// Why the loop is as it is:
// - The rows of an octet are interleaved in memory: its lanes read contiguous words of W, and the same floats of x.
// - Each float of x that a lane reads serves LANE_N · LANE_M products, each weight that it decodes LANE_M.
// - Products are added in short chains (CHAINS in a span), then spans, then STRETCH parts, and only then settled: the
//   error does not grow with k, and settling costs once a stretch.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M  rows of W and rows of x whose sums a lane owns
//   LANES_K         octets that share a row
//   CHAINS          chains of sums in a span
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
    let range = part_range(id, count);
    let parts = range.y;

    let tile = lane_tile_at(first_row, first_x_row);
    // At most STRETCH parts are due at any time: the error does not grow with k.
    var sum: array<Sum, LANE_N * LANE_M>;

    for (var start = range.x; start < parts; start += STRETCH * LANES_K) {
        let end = min(start + STRETCH * LANES_K, parts);
        for (var part = start + lane_k; part < end; part += LANES_K) {
            var w: array<Levels, LANE_N>;
            for (var r = 0u; r < LANE_N; r++) { // unroll
                w[r] = factors(tile.row[r], part);
            }
            var part_sums: array<f32, LANE_N * LANE_M>;
            for (var s = 0u; s < SPANS; s++) { // unroll
                var span_sums: array<f32, LANE_N * LANE_M>;
                var x_sum: array<f32, LANE_M>;
                for (var h = 0u; h < CHAINS; h++) { // unroll
                    var chain: array<f32, LANE_N * LANE_M>;
                    for (var j = 0u; j < 8u / SPANS / CHAINS; j++) { // unroll
                        for (var c = 0u; c < LANE_M; c++) { // unroll
                            let v = x_at(tile.x_row[c], part * 8u + s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j);
                            for (var r = 0u; r < LANE_N; r++) { // unroll
                                let f = w[r].v[s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                                chain[r * LANE_M + c] += dot(f, v);
                            }
                            x_sum[c] += sum_of_x(v);
                        }
                    }
                    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
                        span_sums[i] += chain[i];
                    }
                }
                for (var r = 0u; r < LANE_N; r++) { // unroll
                    let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                    for (var c = 0u; c < LANE_M; c++) { // unroll
                        part_sums[r * LANE_M + c] += weighted(span_sums[r * LANE_M + c], x_sum[c], a);
                    }
                }
            }
            for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
                sum[i].due += part_sums[i];
            }
        }
        settle(&sum);
    }
    var y = finished(&sum);
    again(&y, first_row, first_x_row, range.x + lane_k, parts, LANES_K);

    reduce(&y, lane);
    if (lane_k == 0u) {
        store_lane_tile(y, first_row, first_x_row);
    }
}

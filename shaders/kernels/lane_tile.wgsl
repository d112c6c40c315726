// Any number of rows of x, for processors: a lane owns LANE_N rows of W, eight apart, and LANE_M rows of x, and all of
// their sums. A workgroup owns LANE_N · WORKGROUP rows of W.
//
// Why the loop is as it is (docs/measurements.md has the numbers):
// - Lanes own whole sums, so they neither wait for each other nor share memory, both of which are slow on a processor.
// - Eight neighbouring lanes own eight interleaved rows of W: a vector of the processor loads contiguous words.
// - All lanes need the same floats of x; each reads an eighth and the subgroup spreads them (`spread`).
// - Rows of x come PASS_M at a time: the decoded weights, two rows of x and their sums fit the registers.
// - A word of each row is touched before any row is decoded, so that cache misses overlap.
// - `fma` is written out, since drivers keep `dot` as a chain of products and sums.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M     rows of W and rows of x whose sums a lane owns
//   PASS_M             rows of x that meet all of a lane's rows of W in one pass
//   CHAINS, STRETCH    chains of sums in a span; parts between two settlements
//   UNITS, UNIT_PARTS  units of the code plane for UNIT_PARTS parts
//   HOLD               parts that a held unit of the scale plane serves

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    begin(lane);
    let tiles = (params.rows + WORKGROUP * LANE_N - 1u) / (WORKGROUP * LANE_N);
    let index = grid_index(id, count);
    let octet = lane_index(lane) / INTERLEAVE;
    let first_row = ((index % tiles) * (WORKGROUP / INTERLEAVE) + octet) * INTERLEAVE * LANE_N
        + lane_index(lane) % INTERLEAVE;
    let first_x_row = (index / tiles) * LANE_M;
    let parts = part_count(id);

    // At most STRETCH parts are due at any time: the error does not grow with k.
    var sum: array<Sum, LANE_N * LANE_M>;
    let touched = add_parts(&sum, lane_tile_at(first_row, first_x_row), lane, parts);
    var y = finished(&sum);
    y[0] += f32(touched & params.zero);
    again(&y, first_row, first_x_row, 0u, parts, 1u);
    store_lane_tile(y, first_row, first_x_row);
}

// Adds the products of one part, and returns some bits of its words.
fn add_part(sum: ptr<function, array<Sum, LANE_N * LANE_M>>, tile: LaneTile, lane: Lane, part: u32) -> u32 {
    var touched = 0u;
    // A word of every row before any is used: their cache misses overlap, which a processor that meets them one by one
    // does not look far enough ahead for (lavapipe 26.2, m = 1: 13 to 32 % faster, m = 8 and 32: 4 to 6 %).
    for (var r = 0u; r < LANE_N; r++) { // unroll
        touched |= touch(tile.row[r], part * UNITS / UNIT_PARTS);
    }
    if (part % HOLD == 0u) {
        for (var r = 0u; r < LANE_N; r++) { // unroll
            hold(tile.row[r], part);
        }
    }
    var w: array<Levels, LANE_N>;
    for (var r = 0u; r < LANE_N; r++) { // unroll
        w[r] = factors(tile.row[r], part);
    }
    for (var b = 0u; b < LANE_M / PASS_M; b++) { // unroll
        var v: array<array<vec4<f32>, 8>, PASS_M>;
        for (var c = 0u; c < PASS_M; c++) { // unroll
            v[c] = part_of_x(tile.x_row[b * PASS_M + c], part, lane);
        }
        var part_sums: array<f32, LANE_N * PASS_M>;
        for (var s = 0u; s < SPANS; s++) { // unroll
            var span_sums: array<f32, LANE_N * PASS_M>;
            var x_sum: array<f32, PASS_M>;
            for (var h = 0u; h < CHAINS; h++) { // unroll
                var chain: array<f32, LANE_N * PASS_M>;
                for (var j = 0u; j < 8u / SPANS / CHAINS; j++) { // unroll
                    for (var c = 0u; c < PASS_M; c++) { // unroll
                        let x = v[c][s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                        for (var r = 0u; r < LANE_N; r++) { // unroll
                            let f = w[r].v[s * (8u / SPANS) + h * (8u / SPANS / CHAINS) + j];
                            var dots = chain[r * PASS_M + c];
                            dots = fma(f.x, x.x, dots);
                            dots = fma(f.y, x.y, dots);
                            dots = fma(f.z, x.z, dots);
                            chain[r * PASS_M + c] = fma(f.w, x.w, dots);
                        }
                        x_sum[c] += sum_of_x(x);
                    }
                }
                for (var i = 0u; i < LANE_N * PASS_M; i++) { // unroll
                    span_sums[i] += chain[i];
                }
            }
            for (var r = 0u; r < LANE_N; r++) { // unroll
                let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                for (var c = 0u; c < PASS_M; c++) { // unroll
                    part_sums[r * PASS_M + c] += weighted(span_sums[r * PASS_M + c], x_sum[c], a);
                }
            }
        }
        for (var r = 0u; r < LANE_N; r++) { // unroll
            for (var c = 0u; c < PASS_M; c++) { // unroll
                (*sum)[r * LANE_M + b * PASS_M + c].due += part_sums[r * PASS_M + c];
            }
        }
    }
    return touched;
}

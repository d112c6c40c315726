// As lane_tile_dp4a.wgsl, for processors whose vectors multiply words faster than bytes: each multiplication makes two
// products (pairs/pairs.wgsl).
//
// On lavapipe 26.2 it does 44 GFLOP/s a CPU second with Q4_0 at m = 8, where dot4I8Packed does 40 and f32 41, and 50 at
// m = 32, where f32 does 34 to 40 (4096 x 4096, 2026-11-21). For few rows of x see `DOTS_M` in choose.rs.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M     rows of W and rows of x whose sums a lane owns
//   PAIRS_ADDED        products of pairs that are added before a half word could overflow
//   STRETCH            parts between two settlements
//   UNITS, UNIT_PARTS  units of the code plane for UNIT_PARTS parts

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    begin(lane);
    // Tiles of the same rows come one after the other: their weights are then still in a cache.
    let tiles = (params.m + LANE_M - 1u) / LANE_M;
    let index = grid_index(id, count);
    // The axis counts tiles along n first.
    enter((index % tiles) * ((params.rows + TILE_N - 1u) / TILE_N) + index / tiles, id.z);
    let octet = lane_index(lane) / INTERLEAVE;
    let first_row = ((index / tiles) * (WORKGROUP / INTERLEAVE) + octet) * INTERLEAVE * LANE_N
        + lane_index(lane) % INTERLEAVE;
    let first_x_row = (index % tiles) * LANE_M;
    let parts = part_count(id);

    // At most STRETCH parts are due at any time: the error does not grow with k.
    var sum: array<Sum, LANE_N * LANE_M>;
    let touched = add_parts(&sum, lane_tile_at(first_row, first_x_row), lane, parts);
    var y = finished(&sum);
    y[0] += f32(touched & params.zero);
    store_lane_tile(y, first_row, first_x_row);
}

// Adds the products of one part, and returns some bits of its words.
fn add_part(sum: ptr<function, array<Sum, LANE_N * LANE_M>>, tile: LaneTile, lane: Lane, part: u32) -> u32 {
    var touched = 0u;
    // As in lane_tile.wgsl: misses overlap.
    for (var r = 0u; r < LANE_N; r++) { // unroll
        touched |= touch(tile.row[r], part * UNITS / UNIT_PARTS);
    }
    var v: array<Pairs, LANE_M>;
    var x_scale: array<f32, LANE_M>;
    var centres: array<u32, LANE_M * (16u / PAIRS_ADDED)>;
    var x_sum: array<i32, LANE_M * SPANS>;
    for (var c = 0u; c < LANE_M; c++) { // unroll
        v[c] = spread_pairs(tile.x_row[c], part, lane);
        x_scale[c] = bitcast<f32>(x[x_at(tile.x_row[c], part) + 2u].x);
        for (var s = 0u; s < SPANS; s++) { // unroll
            var all = 0u;
            for (var e = 0u; e < 16u / SPANS / PAIRS_ADDED; e++) { // unroll
                var p = 0u;
                for (var j = 0u; j < PAIRS_ADDED; j++) { // unroll
                    p += v[c].v[s * (16u / SPANS) + e * PAIRS_ADDED + j];
                }
                centres[c * (16u / PAIRS_ADDED) + s * (16u / SPANS / PAIRS_ADDED) + e] = centre(p);
                all += p;
            }
            x_sum[c * SPANS + s] = both_halves(all);
        }
    }
    for (var r = 0u; r < LANE_N; r++) { // unroll
        let w = weight_pairs(tile.row[r], part);
        for (var s = 0u; s < SPANS; s++) { // unroll
            let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
            for (var c = 0u; c < LANE_M; c++) { // unroll
                var d = 0;
                for (var e = 0u; e < 16u / SPANS / PAIRS_ADDED; e++) { // unroll
                    var t = 0u;
                    for (var j = 0u; j < PAIRS_ADDED; j++) { // unroll
                        t += w.v[s * (16u / SPANS) + e * PAIRS_ADDED + j]
                            * v[c].v[s * (16u / SPANS) + e * PAIRS_ADDED + j];
                    }
                    d += high_half(centred(t, centres[c * (16u / PAIRS_ADDED) + s * (16u / SPANS / PAIRS_ADDED) + e]));
                }
                let s_sum = x_sum[c * SPANS + s];
                (*sum)[r * LANE_M + c].due += weighted(pair_level_sum(d, s_sum), f32(s_sum), a) * x_scale[c];
            }
        }
    }
    return touched;
}

// As lane_tile_dp4a.wgsl, for processors whose vectors multiply words faster than bytes: two products in
// each multiplication (pairs/pairs.wgsl). RUN pairs add up before their halves could overflow.
//
// On lavapipe 26.2 it makes 44 GFLOP/s a CPU second of Q4_0 at m = 8 where dot4I8Packed makes 40 and f32 41, and 50
// at m = 32 where f32 makes 34 to 40 (4096 x 4096, 2026-11-21); for few rows of x see `DOTS_COLS` in choose.rs.

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    // Tiles of the same rows come one after the other: their weights are then still in a cache.
    let tiles = (params.m + COLS - 1u) / COLS;
    let index = grid_index(id, count);
    let octet = lane_index(lane) / INTERLEAVE;
    let first_row = ((index / tiles) * (WORKGROUP / INTERLEAVE) + octet) * INTERLEAVE * ROWS
        + lane_index(lane) % INTERLEAVE;
    let first_col = (index % tiles) * COLS;
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

    var touched = 0u;
    for (var part = 0u; part < parts; part++) {
        // As in lane_tile.wgsl: misses overlap.
        for (var r = 0u; r < ROWS; r++) { // unroll
            touched |= touch(row[r], part * UNITS / UNIT_PARTS);
        }
        var v: array<Pairs, COLS>;
        var x_scale: array<f32, COLS>;
        var centres: array<u32, COLS * (16u / RUN)>;
        var x_sum: array<i32, COLS * SPANS>;
        for (var c = 0u; c < COLS; c++) { // unroll
            v[c] = spread_pairs(col[c], part, lane);
            x_scale[c] = bitcast<f32>(x[x_at(col[c], part) + 2u].x);
            for (var s = 0u; s < SPANS; s++) { // unroll
                var all = 0u;
                for (var e = 0u; e < 16u / SPANS / RUN; e++) { // unroll
                    var p = 0u;
                    for (var j = 0u; j < RUN; j++) { // unroll
                        p += v[c].v[s * (16u / SPANS) + e * RUN + j];
                    }
                    centres[c * (16u / RUN) + s * (16u / SPANS / RUN) + e] = centre(p);
                    all += p;
                }
                x_sum[c * SPANS + s] = both_halves(all);
            }
        }
        for (var r = 0u; r < ROWS; r++) { // unroll
            let w = weight_pairs(row[r], part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = for_integers(affine(row[r], (part * PART + s * (PART / SPANS)) / GROUP));
                for (var c = 0u; c < COLS; c++) { // unroll
                    var d = 0;
                    for (var e = 0u; e < 16u / SPANS / RUN; e++) { // unroll
                        var t = 0u;
                        for (var j = 0u; j < RUN; j++) { // unroll
                            t += w.v[s * (16u / SPANS) + e * RUN + j]
                                * v[c].v[s * (16u / SPANS) + e * RUN + j];
                        }
                        d += high_half(centred(t, centres[c * (16u / RUN) + s * (16u / SPANS / RUN) + e]));
                    }
                    let s_sum = x_sum[c * SPANS + s];
                    sum[r * COLS + c] += weighted(pair_level_sum(d, s_sum), f32(s_sum), a) * x_scale[c];
                }
            }
        }
        if ((part + 1u) % STRETCH == 0u) {
            keep(&total, &sum);
        }
    }
    finish_sums(&total, &sum);

    for (var r = 0u; r < ROWS; r++) { // unroll
        for (var c = 0u; c < COLS; c++) { // unroll
            if (first_row + r * INTERLEAVE < params.rows && first_col + c < params.m) {
                let y = sum[r * COLS + c] + f32(touched & params.zero);
                store(params.first_row + first_row + r * INTERLEAVE, first_col + c, y);
            }
        }
    }
}

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
    let parts = part_count(id);

    // What is due is of STRETCH parts at most: the error does not grow with k.
    var sum: array<Sum, ROWS * COLS>;
    let touched = add_parts(&sum, tile_at(first_row, first_col), lane, parts);
    var y = finished(&sum);
    y[0] += f32(touched & params.zero);
    store_tile(y, first_row, first_col);
}

// Adds the products of one part, and returns some bits of its words.
fn add_part(sum: ptr<function, array<Sum, ROWS * COLS>>, tile: Tile, lane: Lane, part: u32) -> u32 {
    var touched = 0u;
    // As in lane_tile.wgsl: misses overlap.
    for (var r = 0u; r < ROWS; r++) { // unroll
        touched |= touch(tile.row[r], part * UNITS / UNIT_PARTS);
    }
    var v: array<Pairs, COLS>;
    var x_scale: array<f32, COLS>;
    var centres: array<u32, COLS * (16u / RUN)>;
    var x_sum: array<i32, COLS * SPANS>;
    for (var c = 0u; c < COLS; c++) { // unroll
        v[c] = spread_pairs(tile.col[c], part, lane);
        x_scale[c] = bitcast<f32>(x[x_at(tile.col[c], part) + 2u].x);
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
        let w = weight_pairs(tile.row[r], part);
        for (var s = 0u; s < SPANS; s++) { // unroll
            let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
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
                (*sum)[r * COLS + c].due += weighted(pair_level_sum(d, s_sum), f32(s_sum), a) * x_scale[c];
            }
        }
    }
    return touched;
}

// As lane_tile.wgsl, for x rounded to bytes: a lane owns LANE_N rows of W, eight apart, and LANE_M rows of x. The sum
// of a span is an exact integer, to which scales come once.
//
// Constants printed by the composer, next to those of the prelude:
//   LANE_N, LANE_M     rows of W and rows of x whose sums a lane owns
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
    var v: array<Bytes, LANE_M>;
    for (var c = 0u; c < LANE_M; c++) { // unroll
        v[c] = spread_bytes(tile.x_row[c], part, lane);
    }
    for (var r = 0u; r < LANE_N; r++) { // unroll
        let w = level_words(tile.row[r], part);
        for (var s = 0u; s < SPANS; s++) { // unroll
            let a = about_middle(affine(tile.row[r], (part * PART + s * (PART / SPANS)) / GROUP));
            for (var c = 0u; c < LANE_M; c++) { // unroll
                let d = span_dot(w, v[c].codes, s);
                let x_sum = span_sum(v[c].sums, s);
                (*sum)[r * LANE_M + c].due += weighted(level_sum(d, x_sum), f32(x_sum), a) * v[c].scale;
            }
        }
    }
    return touched;
}

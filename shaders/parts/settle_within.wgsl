// Adds all parts in one loop and settles the sums in it: better where a lane has few sums (lavapipe 26.2, m = 1: Q6_K
// 5 %, 2026-11-26).

fn add_parts(sum: ptr<function, array<Sum, LANE_N * LANE_M>>, tile: LaneTile, lane: Lane, parts: u32) -> u32 {
    var touched = 0u;
    for (var part = 0u; part < parts; part++) {
        touched |= add_part(sum, tile, lane, part);
        if ((part + 1u) % STRETCH == 0u) {
            settle(sum);
        }
    }
    return touched;
}

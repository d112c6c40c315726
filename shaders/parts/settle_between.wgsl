// Adds all parts and settles the sums after each inner loop: a processor then copies less of what its registers cannot
// hold (lavapipe 26.2, m = 8: Q4_K 10 %, 2026-11-26).

fn add_parts(sum: ptr<function, array<Sum, LANE_N * LANE_M>>, tile: LaneTile, lane: Lane, parts: u32) -> u32 {
    var touched = 0u;
    for (var start = 0u; start < parts; start += STRETCH) {
        let end = min(start + STRETCH, parts);
        for (var part = start; part < end; part++) {
            touched |= add_part(sum, tile, lane, part);
        }
        settle(sum);
    }
    return touched;
}

// All parts of a tile, its sums settled between the runs of an inner loop: what a processor cannot hold in registers it
// then copies less often (lavapipe 26.2, m = 8: Q4_K 10 %, 2026-11-26).

fn add_parts(sum: ptr<function, array<Sum, ROWS * COLS>>, tile: Tile, lane: Lane, parts: u32) -> u32 {
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

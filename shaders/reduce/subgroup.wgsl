// Sums over the lanes that share a row, within a subgroup, which has at least INTERLEAVE · LANES_K lanes.

// Adds up the sums of lanes that lie a multiple of INTERLEAVE apart among INTERLEAVE · LANES_K neighbours; all of them
// get the total.
fn reduce(sum: ptr<function, array<f32, LANE_N * LANE_M>>, lane: u32) {
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        var total = (*sum)[i];
        for (var apart = INTERLEAVE; apart < INTERLEAVE * LANES_K; apart *= 2u) {
            total += subgroupShuffleXor(total, apart);
        }
        (*sum)[i] = total;
    }
}

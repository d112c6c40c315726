// Sums over the lanes that share a row, within a subgroup: INTERLEAVE * LANES_K lanes are never more than
// one has.

// Adds up the sums of lanes that lie a multiple of INTERLEAVE apart in a run of INTERLEAVE * LANES_K;
// all of them get the total.
fn reduce(sum: ptr<function, array<f32, ROWS * COLS>>, lane: u32) {
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        var total = (*sum)[i];
        for (var apart = INTERLEAVE; apart < INTERLEAVE * LANES_K; apart *= 2u) {
            total += subgroupShuffleXor(total, apart);
        }
        (*sum)[i] = total;
    }
}

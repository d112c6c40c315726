// Sums over the lanes that share a row, within a subgroup: INTERLEAVE * LANES_K lanes are never more than
// one has. Lanes are counted as the subgroups have them, which WGSL does not promise to be their order
// in the workgroup.

struct Lane {
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) index: u32,
}

fn lane_index(lane: Lane) -> u32 {
    return lane.subgroup * lane.size + lane.index;
}

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

// Sums over the lanes that share a row, through workgroup memory.

var<workgroup> shared_sums: array<f32, WORKGROUP * LANE_N * LANE_M>;

// Adds up the sums of lanes that lie a multiple of INTERLEAVE apart among INTERLEAVE · LANES_K neighbours, by halves;
// the first of them gets the total.
fn reduce(sum: ptr<function, array<f32, LANE_N * LANE_M>>, lane: u32) {
    for (var apart = LANES_K / 2u; apart > 0u; apart /= 2u) {
        for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
            shared_sums[i * WORKGROUP + lane] = (*sum)[i];
        }
        workgroupBarrier();
        if ((lane / INTERLEAVE) % LANES_K < apart) {
            for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
                (*sum)[i] += shared_sums[i * WORKGROUP + lane + apart * INTERLEAVE];
            }
        }
        workgroupBarrier();
    }
}

// Sums over the lanes that share a row, through workgroup memory.

var<workgroup> shared_sums: array<f32, WORKGROUP * ROWS * COLS>;

// Adds up the sums of lanes that lie a multiple of INTERLEAVE apart in a run of INTERLEAVE * LANES_K, by halves;
// the first of them gets the total.
fn reduce(sum: ptr<function, array<f32, ROWS * COLS>>, lane: u32) {
    for (var apart = LANES_K / 2u; apart > 0u; apart /= 2u) {
        for (var i = 0u; i < ROWS * COLS; i++) { // unroll
            shared_sums[i * WORKGROUP + lane] = (*sum)[i];
        }
        workgroupBarrier();
        if ((lane / INTERLEAVE) % LANES_K < apart) {
            for (var i = 0u; i < ROWS * COLS; i++) { // unroll
                (*sum)[i] += shared_sums[i * WORKGROUP + lane + apart * INTERLEAVE];
            }
        }
        workgroupBarrier();
    }
}

// A Walsh-Hadamard transform of BLOCK numbers in workgroup memory, by all invocations of the workgroup; each
// reads what others wrote, and leaves what others read.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   BLOCK      numbers of a block: to be transformed, a power of two
//   ROOT       the bits of 1 / sqrt(BLOCK), an f32

var<workgroup> block: array<f32, BLOCK>;

fn butterflies(lane: u32) {
    for (var half = 1u; half < BLOCK; half *= 2u) {
        workgroupBarrier();
        for (var i = lane; i < BLOCK / 2u; i += WORKGROUP) {
            let at = (i / half) * 2u * half + i % half;
            let a = block[at];
            let b = block[at + half];
            block[at] = a + b;
            block[at + half] = a - b;
        }
    }
    workgroupBarrier();
}

// A number of the transformed block, by the normalized matrix.
fn rotated(i: u32) -> f32 {
    return block[i] * bitcast<f32>(ROOT);
}

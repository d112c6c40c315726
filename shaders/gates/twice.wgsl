// Each product is by two matrices, a gate and what it gates, one below the other in the stack. A workgroup multiplies by
// its rows of the gate and writes the sums to y; then it multiplies by the same rows of the other, and the epilogue
// (swiglu, geglu) finds the gate where its own output goes. The invocation that writes an output is the only one that
// reads it, so that no barrier is due for y.
//
// Constant printed by the composer:
//   SHARES  1 where the kernel uses workgroup memory, whose first use of the second product must wait for the last one
//           of the first; else 0: a barrier is dear on processors

fn multiply_all(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    // No loop: SwiftShader takes minutes to compile a tile of eight rows of x within one more loop.
    multiply_tile(id, count, lane);
    if (SHARES == 1u) {
        workgroupBarrier();
    }
    second = 1u;
    multiply_tile(id, count, lane);
}

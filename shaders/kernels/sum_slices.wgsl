// The second dispatch of a product whose k was sliced: adds up the sums of the slices, always in the same order, and
// finishes the outputs. One invocation owns one output.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   SLICES     slices, of params.outputs sums each

@group(0) @binding(3) var<storage, read> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (id.x + id.y * count.x) * WORKGROUP + lane;
    if (at >= params.outputs) {
        return;
    }
    var total: Sum;
    for (var slice = 0u; slice < SLICES; slice++) { // unroll
        total = plus(total, sums[slice * params.outputs + at]);
    }
    // In a batch each m rows of y have weights of their own.
    let row = (at / params.n / params.m) * params.n + at % params.n;
    write(at, finish(total.total + total.due, row, at));
}

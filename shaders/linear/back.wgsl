// The last step of a Linear whose outputs are rotated: a blockwise Walsh-Hadamard transform, signs and a bias. A
// workgroup owns one block of one row.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   BLOCK      outputs that are rotated together, a power of two that divides n

struct Params {
    n: u32,
    rows: u32,
}

// For each output: a sign and a bias.
@group(0) @binding(0) var<storage, read> outputs: array<vec2<f32>>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = params.n / BLOCK;
    let index = id.x + id.y * count.x;
    let row = index / blocks;
    let first = (index % blocks) * BLOCK;
    if (row >= params.rows) {
        return;
    }
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        block[i] = y[row * params.n + first + i];
    }
    butterflies(lane);
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        let own = outputs[first + i];
        y[row * params.n + first + i] = rotated(i) * own.x + own.y;
    }
}

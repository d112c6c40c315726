// Writes those rows of x that are recent as half floats. A workgroup owns one row.
//
// Constants printed by the composer before this file: those of kivi_pack.wgsl.

@group(0) @binding(0) var<storage, read_write> cache: array<u32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;  // vectors in the cache, without these rows
@group(0) @binding(2) var<storage, read> x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let token = state[0] + id.x;
    if (token < packed_tokens(state[0] + count.x)) {
        return;
    }
    for (var i = lane; i < D / 2u; i += WORKGROUP) {
        let at = id.x * D + 2u * i;
        cache[token % RESIDUAL * (D / 2u) + i] = half_bits(x[at]) | (half_bits(x[at + 1u]) << 16u);
    }
}

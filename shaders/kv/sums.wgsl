// Weighted sums of the levels of a cache's vectors, by chunks of vectors, decoded on the way by `levels` of the type. A
// workgroup owns one row of weights and CHUNK vectors, a lane every WORKGROUP-th four numbers.
//
// Constants printed by the composer before this file:
//   WIDTH      numbers of a vector's levels, a multiple of 4
//   CHUNK        vectors of a chunk
//   WORKGROUP  invocations in a workgroup

@group(0) @binding(0) var<storage, read> cache: array<u32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;  // vectors in the cache
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let len = state[0];
    let chunks = (len + CHUNK - 1u) / CHUNK;
    let end = min((id.x + 1u) * CHUNK, len);
    for (var i = lane; i < WIDTH / 4u; i += WORKGROUP) {
        var sum = vec4<f32>(0.0);
        for (var token = id.x * CHUNK; token < end; token++) {
            // No further than the weights go, also where vectors ran earlier that were recorded later.
            let at = min(id.y * len + token, arrayLength(&weights) - 1u);
            sum += weights[at] * levels(token, 4u * i);
        }
        partial[(id.y * chunks + id.x) * (WIDTH / 4u) + i] = sum;
    }
}

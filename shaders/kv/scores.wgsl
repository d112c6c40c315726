// Products of prepared queries with all vectors of a cache, decoded on the way by `levels` of the type. A workgroup
// owns one query and WORKGROUP vectors, a lane one of these.
//
// Constants printed by the composer before this file:
//   WIDTH      numbers of a prepared query, a multiple of 4
//   WORKGROUP  invocations in a workgroup

@group(0) @binding(0) var<storage, read> cache: array<u32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;  // vectors in the cache
@group(0) @binding(2) var<storage, read> prepared: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> query: array<vec4<f32>, WIDTH / 4u>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < WIDTH / 4u; i += WORKGROUP) {
        query[i] = prepared[id.y * (WIDTH / 4u) + i];
    }
    workgroupBarrier();
    let len = state[0];
    let token = id.x * WORKGROUP + lane;
    if (token >= len) {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < WIDTH / 4u; i++) {
        sum += dot(query[i], levels(token, 4u * i));
    }
    let at = id.y * len + token;
    // y has no room for vectors that were recorded later and ran earlier.
    if (at < arrayLength(&y)) {
        y[at] = sum;
    }
}

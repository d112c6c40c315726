// Packs rows of x behind the vectors of a cache: rotates, then `encode` of the type. A workgroup owns one row.
//
// Constants printed by the composer, next to those of rotate.wgsl:
//   ROW_WORDS  words of a packed vector

@group(0) @binding(0) var<storage, read_write> cache: array<u32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;  // vectors in the cache, and room for so many
@group(0) @binding(2) var<storage, read> x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        row[i] = x[id.x * D + i];
    }
    rotate(lane);
    // Appends that were recorded after a `clear` and run before it find no room: they overwrite the last vector.
    encode(min(state[0] + id.x, state[1] - 1u) * ROW_WORDS, lane);
}

// Prepares queries: rotated, and of Q_prod projected too. A workgroup owns one query.
//
// Constants printed by the composer, next to those of rotate.wgsl:
//   WIDTH     numbers of a prepared query: D, or 2 D where it is projected
//   PROJECTS  1 where it is

@group(0) @binding(2) var<storage, read> queries: array<f32>;
@group(0) @binding(3) var<storage, read_write> prepared: array<f32>;
// Column by column.
@group(0) @binding(5) var<storage, read> projection: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        row[i] = queries[id.x * D + i];
    }
    rotate(lane);
    for (var i = lane; i < D; i += WORKGROUP) {
        prepared[id.x * WIDTH + i] = row[i];
        if (PROJECTS == 1u) {
            var sum = 0.0;
            for (var j = 0u; j < D; j++) {
                sum += projection[j * D + i] * row[j];
            }
            prepared[id.x * WIDTH + D + i] = sum;
        }
    }
}

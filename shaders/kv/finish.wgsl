// Adds up the sums of chunks, in order, and rotates the result back. A workgroup owns one row of y.
//
// Constants printed by the composer, next to those of rotate.wgsl:
//   WIDTH     numbers of a sum: D, or 2 D where the second half is still to be projected back
//   PROJECTS  1 where it is
//   CHUNK       vectors of a chunk

@group(0) @binding(1) var<storage, read> state: array<u32>;  // vectors in the cache
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// Row by row.
@group(0) @binding(5) var<storage, read> projection: array<f32>;

var<workgroup> projected: array<f32, D>;

fn total(of_row: u32, i: u32) -> f32 {
    let chunks = (state[0] + CHUNK - 1u) / CHUNK;
    var sum = 0.0;
    for (var chunk = 0u; chunk < chunks; chunk++) {
        sum += partial[(of_row * chunks + chunk) * WIDTH + i];
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        row[i] = total(id.x, i);
        if (PROJECTS == 1u) {
            projected[i] = total(id.x, D + i);
        }
    }
    if (PROJECTS == 1u) {
        workgroupBarrier();
        for (var i = lane; i < D; i += WORKGROUP) {
            var sum = 0.0;
            for (var j = 0u; j < D; j++) {
                sum += projected[j] * projection[j * D + i];
            }
            row[i] += sum;
        }
    }
    rotate(lane);
    for (var i = lane; i < D; i += WORKGROUP) {
        y[id.x * D + i] = row[i];
    }
}

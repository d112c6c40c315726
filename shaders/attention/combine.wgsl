// Adds up what the workgroups of `attend` made of their shares of the tokens, in order, divides, and rotates the result
// back. A workgroup owns one head of a row.
//
// Constants printed by the composer, next to those of rotate.wgsl:
//   WIDTH    numbers of a sum: D, or 2 D where the second half is still to be projected back
//   SPLITS   shares
//   Q_HEADS  query heads

@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const STRIDE: u32 = WIDTH + 4u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let vector = id.x * Q_HEADS + id.y;
    let base = vector * SPLITS * STRIDE;
    var top = partial[base + WIDTH];
    for (var s = 1u; s < SPLITS; s++) {
        top = max(top, partial[base + s * STRIDE + WIDTH]);
    }
    var total = 0.0;
    for (var s = 0u; s < SPLITS; s++) {
        let at = base + s * STRIDE + WIDTH;
        total += exp(partial[at] - top) * partial[at + 1u];
    }
    let factor = last_factor(top, total, id.y);
    for (var i = lane; i < WIDTH; i += WORKGROUP) {
        var sum = 0.0;
        for (var s = 0u; s < SPLITS; s++) {
            let at = base + s * STRIDE;
            sum += exp(partial[at + WIDTH] - top) * partial[at + i];
        }
        put(i, sum * factor);
    }
    project_back(lane);
    rotate(lane);
    for (var i = lane; i < D; i += WORKGROUP) {
        y[vector * D + i] = row[i];
    }
}

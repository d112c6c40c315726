// Decodes rows of W: one invocation owns one part of one output row. y is [rows wanted, k].
//
// Where a matrix is split into slabs, each dispatch writes the rows that lie in its slab. An index past the end of the
// matrix gives a row of NaN, which the first slab writes.
//
// Constants printed by the composer, next to those of the prelude: none.

@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let parts = (params.k + PART - 1u) / PART;
    // Eight output rows side by side, as the planes have them, then the parts of those rows.
    let index = grid_index(id, count) * (WORKGROUP / INTERLEAVE) + lane / INTERLEAVE;
    let out_row = (index / parts) * INTERLEAVE + lane % INTERLEAVE;
    let part = index % parts;
    if (out_row >= params.m) {
        return;
    }
    let row = row_wanted(out_row);
    let start = out_row * params.k + part * PART;
    let here = row >= params.first_row && row - params.first_row < params.rows;
    if (here) {
        let local = row_at(row - params.first_row, 0u);
        let l = levels(local, part);
        for (var s = 0u; s < SPANS; s++) { // unroll
            let a = affine(local, (part * PART + s * (PART / SPANS)) / GROUP);
            for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                let w = weight(l.v[s * (8u / SPANS) + j], a);
                let i = 4u * (s * (8u / SPANS) + j);
                for (var b = 0u; b < 4u; b++) { // unroll
                    if (part * PART + i + b < params.k) {
                        y[start + i + b] = w[b];
                    }
                }
            }
        }
    } else if (row >= params.n && params.first_row == 0u) {
        let nan = bitcast<f32>(0x7fc00000u ^ params.zero);
        for (var i = 0u; i < PART; i++) {
            if (part * PART + i < params.k) {
                y[start + i] = nan;
            }
        }
    }
}

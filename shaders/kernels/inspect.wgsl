// Writes what a format makes of its planes, before any arithmetic that could hide a mistake. One invocation owns one
// part of one row of the slab and writes 16 words: 8 code words, then scale and offset of each 8 weights, as bits. y is
// [rows, parts, 16].
//
// Constants printed by the composer, next to those of the prelude: none.

@group(0) @binding(4) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let parts = (params.k + PART - 1u) / PART;
    let index = grid_index(id, count) * WORKGROUP + lane;
    let part = index % parts;
    if (index / parts >= params.rows) {
        return;
    }
    let row = row_at(index / parts, 0u);
    let at = 16u * ((params.first_row + row.index) * parts + part);
    let c = codes(row, part);
    for (var j = 0u; j < 4u; j++) { // unroll
        y[at + j] = c.low[j];
        y[at + 4u + j] = c.high[j];
    }
    for (var s = 0u; s < SPANS; s++) { // unroll
        let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
        for (var o = 0u; o < 4u / SPANS; o++) { // unroll
            y[at + 8u + s * (4u / SPANS) + o] = bitcast<u32>(a.scale);
            y[at + 12u + s * (4u / SPANS) + o] = bitcast<u32>(a.offset);
        }
    }
}

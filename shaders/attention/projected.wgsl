// Sums of which the second half is projected back and added to the first.

// Row by row.
@group(0) @binding(5) var<storage, read> projection: array<f32>;

var<workgroup> projected: array<f32, D>;

fn put(i: u32, v: f32) {
    if (i < D) {
        row[i] = v;
    } else {
        projected[i - D] = v;
    }
}

fn project_back(lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < D; i += WORKGROUP) {
        var sum = 0.0;
        for (var j = 0u; j < D; j++) {
            sum += projected[j] * projection[j * D + i];
        }
        row[i] += sum;
    }
}

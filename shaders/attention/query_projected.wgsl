// Writes `row`, a query, and its projection, as `attend` reads them.
fn prepare(base: u32, lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        prepared[base + i] = row[i];
        var sum = 0.0;
        for (var j = 0u; j < D; j++) {
            sum += projection[j * D + i] * row[j];
        }
        prepared[base + D + i] = sum;
    }
}

// Writes `row`, a query, as `attend` reads it.
fn prepare(base: u32, lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        prepared[base + i] = row[i];
    }
}

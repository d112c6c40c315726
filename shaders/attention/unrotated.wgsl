// A vector in workgroup memory that nothing rotates.

var<workgroup> row: array<f32, D>;

// All lanes have written their part of `row`; when it returns all may read it.
fn rotate(lane: u32) {
    workgroupBarrier();
}

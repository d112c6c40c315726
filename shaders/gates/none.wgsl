// Each product is by one matrix.

fn multiply_all(id: vec3<u32>, count: vec3<u32>, lane: Lane) {
    multiply_tile(id, count, lane);
}

// Repairs nothing: these sums need no second computation.

fn again(y: ptr<function, array<f32, LANE_N * LANE_M>>, row: u32, x_row: u32, first: u32, end: u32, step: u32) {}

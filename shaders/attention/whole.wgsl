// Sums that are vectors already.

fn put(i: u32, v: f32) {
    row[i] = v;
}

fn project_back(lane: u32) {}

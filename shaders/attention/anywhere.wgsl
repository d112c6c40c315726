// Vectors whose position changes nothing.
fn place_in_sequence(lane: u32, position: u32, which: u32) {}

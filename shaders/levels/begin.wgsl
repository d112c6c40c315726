// For levels that need no preparation.

fn begin(lane: Lane) {}

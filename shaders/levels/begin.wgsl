// Levels that need nothing made ready.

fn begin(lane: Lane) {}

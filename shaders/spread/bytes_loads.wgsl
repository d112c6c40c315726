// The bytes of x that a part needs, loaded by every lane.

struct Lane {
    @builtin(local_invocation_index) index: u32,
}

fn lane_index(lane: Lane) -> u32 {
    return lane.index;
}

fn spread_bytes(col: u32, part: u32, lane: Lane) -> Bytes {
    return x_bytes(col, part);
}

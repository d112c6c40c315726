// The bytes of x that a part needs, loaded by every lane.

fn spread_bytes(x_row: u32, part: u32, lane: Lane) -> Bytes {
    return x_bytes(x_row, part);
}

// Points of a lattice in workgroup memory, for cards: made of the table once, ready to use.

var<workgroup> points: array<Point, POINTS>;

fn begin(lane: Lane) {
    for (var i = lane_index(lane); i < POINTS; i += WORKGROUP) {
        points[i] = kept(read_point(i));
    }
    workgroupBarrier();
}

fn point(i: u32) -> Point {
    return points[i];
}

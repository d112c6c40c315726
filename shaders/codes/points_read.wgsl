// Points of a lattice, read from the table each time. Processors have a cache for it (`cargo bench --bench lattice`).

fn point(i: u32) -> Point {
    return read_point(i);
}

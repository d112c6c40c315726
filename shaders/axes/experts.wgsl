// Few rows of y, each by a matrix of its own: the grid is as deep as y has rows, m is 1.

@group(0) @binding(11) var<storage, read> ids: array<u32>;

fn enter(index: u32, z: u32) {
    depth = z;
    member = ids[z];
}

fn has_work(index: u32, y_row: u32) -> bool {
    return meets_slab(ids[y_row]);
}

fn input_row(x_row: u32) -> u32 {
    return depth / params.sharing;
}

fn output_at(row: u32, x_row: u32) -> u32 {
    return place(row, depth);
}

// Pairs of matrices: x is [batch, m, k], y [batch, m, n], and the grid is as deep as the batch.

fn enter(index: u32, z: u32) {
    depth = z;
    member = z / SLICES;
}

fn has_work(index: u32, pair: u32) -> bool {
    return meets_slab(pair);
}

fn input_row(x_row: u32) -> u32 {
    return member * params.m + x_row;
}

fn output_at(row: u32, x_row: u32) -> u32 {
    return place(row, member * params.m + x_row);
}

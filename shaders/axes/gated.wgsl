// One gate and what it gates: rows of x and of y are those that the kernel counts.

fn enter(index: u32, z: u32) {
    depth = z;
}

fn has_work(index: u32, z: u32) -> bool {
    return meets_slab(0u);
}

fn input_row(x_row: u32) -> u32 {
    return x_row;
}

fn output_at(row: u32, x_row: u32) -> u32 {
    return place(row, x_row);
}

// One matrix: rows of W and of x are those that the kernel counts.

// What a workgroup must know of its place in the grid, before anything else.
fn enter(index: u32, z: u32) {
    depth = z;
}

// Whether there is anything to multiply. The same for all lanes of a workgroup.
fn has_work(index: u32, z: u32) -> bool {
    return true;
}

// A row of weights, as the kernel counts them, within this slab.
fn slab_row(row: u32) -> u32 {
    return row;
}

// The same row in the whole matrix.
fn matrix_row(row: u32) -> u32 {
    return params.first_row + row;
}

// Where row `x_row` of x, as the kernel counts them, lies in x.
fn input_row(x_row: u32) -> u32 {
    return x_row;
}

// Where output `row` (params.first_row included) of row `x_row` of x lies in y, or NOWHERE.
fn output_at(row: u32, x_row: u32) -> u32 {
    return x_row * params.n + row;
}

// What bias and scale are indexed by for this output.
fn weight_row(row: u32) -> u32 {
    return row;
}

// Whether there are such weights: outputs are NaN where there are none.
fn known() -> bool {
    return true;
}

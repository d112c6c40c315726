// One matrix: rows and columns are those that the kernel counts.

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

// The row of x that column `col` of the kernel is.
fn input_row(col: u32) -> u32 {
    return col;
}

// Where in y output `row` (params.first_row included) of column `col` lies, or NOWHERE.
fn output_at(row: u32, col: u32) -> u32 {
    return col * params.n + row;
}

// What bias and scale are indexed by for this output.
fn weight_row(row: u32) -> u32 {
    return row;
}

// Whether there are such weights at all: outputs are NaN where not.
fn known() -> bool {
    return true;
}

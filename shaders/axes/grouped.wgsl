// Many rows of y, grouped by their matrix (kernels/group_rows.wgsl): each tile along m has one matrix.
//
// Constants printed by the composer: TILE_N and TILE_M, the rows of W and of x that a workgroup of this kernel owns.

// The matrix of each tile, then the row of y of each row of each tile; NOWHERE where there is none.
@group(0) @binding(11) var<storage, read> groups: array<u32>;

fn matrix_of(index: u32) -> u32 {
    let row_tiles = (params.rows + TILE_N - 1u) / TILE_N;
    // A folded grid may be larger than what there is to do.
    let tile = min(index / row_tiles, params.m / TILE_M - 1u);
    return groups[tile];
}

fn y_row_of(x_row: u32) -> u32 {
    return groups[params.m / TILE_M + x_row];
}

fn enter(index: u32, z: u32) {
    depth = z;
    member = matrix_of(index);
}

fn has_work(index: u32, z: u32) -> bool {
    let which = matrix_of(index);
    return which != NOWHERE && meets_slab(which);
}

fn input_row(x_row: u32) -> u32 {
    let y_row = y_row_of(x_row);
    return select(y_row, 0u, y_row == NOWHERE) / params.sharing;
}

fn output_at(row: u32, x_row: u32) -> u32 {
    let y_row = y_row_of(x_row);
    return select(place(row, y_row), NOWHERE, y_row == NOWHERE);
}

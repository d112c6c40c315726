// Many rows of y, grouped by their matrix (kernels/group_rows.wgsl): each tile of columns has one matrix.
//
// Constants printed by the composer: TILE_ROWS and TILE_COLS, the rows and columns that a workgroup of this
// kernel owns.

// Of each tile of columns its matrix, then of each column its row of y; NOWHERE where there is none.
@group(0) @binding(11) var<storage, read> groups: array<u32>;

fn matrix_of(index: u32) -> u32 {
    let row_tiles = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
    // A folded grid may be larger than what there is to do.
    let tile = min(index / row_tiles, params.m / TILE_COLS - 1u);
    return groups[tile];
}

fn slot_of(col: u32) -> u32 {
    return groups[params.m / TILE_COLS + col];
}

fn enter(index: u32, z: u32) {
    depth = z;
    member = matrix_of(index);
}

fn has_work(index: u32, z: u32) -> bool {
    let which = matrix_of(index);
    return which != NOWHERE && meets_slab(which);
}

fn input_row(col: u32) -> u32 {
    let slot = slot_of(col);
    return select(slot, 0u, slot == NOWHERE) / params.sharing;
}

fn output_at(row: u32, col: u32) -> u32 {
    let slot = slot_of(col);
    return select(place(row, slot), NOWHERE, slot == NOWHERE);
}

// Rows by index, as an embedding look-up wants them.

@group(0) @binding(3) var<storage, read> ids: array<u32>;

// The row of the matrix that output row `i` shows.
fn row_wanted(i: u32) -> u32 {
    return ids[i];
}

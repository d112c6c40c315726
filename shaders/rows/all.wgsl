// Rows one after the other.

// The row of the matrix that output row `i` shows.
fn row_wanted(i: u32) -> u32 {
    return params.from_row + i;
}

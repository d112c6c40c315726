// The sums of a lane, ROWS by COLS of them: those of a few parts are added plainly, and then kept by `plus`.

// Moves what was added plainly into the totals.
fn keep(total: ptr<function, array<Sum, ROWS * COLS>>, sum: ptr<function, array<f32, ROWS * COLS>>) {
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        (*total)[i] = plus((*total)[i], (*sum)[i]);
        (*sum)[i] = 0.0;
    }
}

// Makes the sums whole: the totals, and what was added since.
fn finish_sums(total: ptr<function, array<Sum, ROWS * COLS>>, sum: ptr<function, array<f32, ROWS * COLS>>) {
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        (*sum)[i] = plus((*total)[i], (*sum)[i]).total;
    }
}

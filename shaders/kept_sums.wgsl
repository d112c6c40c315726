// The sums of a lane, ROWS by COLS of them: those of a few parts are added plainly, and then settled.

fn settle(sums: ptr<function, array<Sum, ROWS * COLS>>) {
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        (*sums)[i] = settled((*sums)[i]);
    }
}

fn finished(sums: ptr<function, array<Sum, ROWS * COLS>>) -> array<f32, ROWS * COLS> {
    var y: array<f32, ROWS * COLS>;
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        y[i] = (*sums)[i].total + (*sums)[i].due;
    }
    return y;
}

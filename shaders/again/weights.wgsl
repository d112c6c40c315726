// Sums about a middle level that are not finite, once more, of whole weights: an infinite input that meets the middle
// level gives no product, and a large one may pass what f32 holds before the scale comes to it.

// Of ROWS by COLS sums of parts `first`, `first + step` and so on before `end`, from this row and column on.
fn again(y: ptr<function, array<f32, ROWS * COLS>>, row: u32, col: u32, first: u32, end: u32, step: u32) {
    var wrong = 0u;
    for (var i = 0u; i < ROWS * COLS; i++) { // unroll
        wrong |= select(1u << i, 0u, abs((*y)[i]) < 0x1p+127f);
    }
    for (var i = 0u; i < ROWS * COLS; i++) {
        if ((wrong >> i) % 2u == 0u) {
            continue;
        }
        let of_row = row_at(min(row + i / COLS * INTERLEAVE, params.rows - 1u), 0u);
        let of_col = min(col + i % COLS, params.m - 1u);
        var sum = Sum(0.0, 0.0);
        for (var part = first; part < end; part += step) {
            hold(of_row, part);
            let l = levels(of_row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(of_row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    let w = weight(l.v[s * (8u / SPANS) + j], a);
                    sum = plus(sum, dot(w, x_at(of_col, part * 8u + s * (8u / SPANS) + j)));
                }
            }
        }
        // Written out, so that sums stay in registers.
        for (var at = 0u; at < ROWS * COLS; at++) { // unroll
            (*y)[at] = select((*y)[at], sum.total + sum.due, at == i);
        }
    }
}

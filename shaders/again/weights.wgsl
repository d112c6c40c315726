// Computes sums over centred levels that are not finite once more, with whole weights: an infinite input has no product
// with the middle level, and a large one may overflow f32 before the scale is applied.

// Repairs LANE_N by LANE_M sums over parts `first`, `first + step` and so on before `end`, from these rows of W and x
// on.
fn again(y: ptr<function, array<f32, LANE_N * LANE_M>>, row: u32, x_row: u32, first: u32, end: u32, step: u32) {
    var wrong = 0u;
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        wrong |= select(1u << i, 0u, abs((*y)[i]) < 0x1p+127f);
    }
    for (var i = 0u; i < LANE_N * LANE_M; i++) {
        if ((wrong >> i) % 2u == 0u) {
            continue;
        }
        let of_row = row_at(min(row + i / LANE_M * INTERLEAVE, params.rows - 1u), 0u);
        let of_x_row = min(x_row + i % LANE_M, params.m - 1u);
        var sum = Sum(0.0, 0.0);
        for (var part = first; part < end; part += step) {
            hold(of_row, part);
            let l = levels(of_row, part);
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = affine(of_row, (part * PART + s * (PART / SPANS)) / GROUP);
                for (var j = 0u; j < 8u / SPANS; j++) { // unroll
                    let w = weight(l.v[s * (8u / SPANS) + j], a);
                    sum = plus(sum, dot(w, x_at(of_x_row, part * 8u + s * (8u / SPANS) + j)));
                }
            }
        }
        // Unrolled, so that sums stay in registers.
        for (var at = 0u; at < LANE_N * LANE_M; at++) { // unroll
            (*y)[at] = select((*y)[at], sum.total + sum.due, at == i);
        }
    }
}

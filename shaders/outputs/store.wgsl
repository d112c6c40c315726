// Finishes and writes output `row` of row `x_row` of x.
fn store(row: u32, x_row: u32, value: f32) {
    let at = output_at(row, x_row);
    if (at != NOWHERE) {
        let nan = bitcast<f32>(0x7fc00000u ^ params.zero);
        write(at, select(nan, finish(value, weight_row(row), at), known()));
    }
}

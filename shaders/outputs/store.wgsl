// Output `row` for column `col` of the kernel, when it is whole.
fn store(row: u32, col: u32, value: f32) {
    let at = output_at(row, col);
    if (at != NOWHERE) {
        let nan = bitcast<f32>(0x7fc00000u ^ params.zero);
        write(at, select(nan, finish(value, weight_row(row), at), known()));
    }
}

// y as it is.

@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Output `row` (of the whole matrix) for row `col` of x.
fn store(row: u32, col: u32, value: f32) {
    y[col * params.n + row] = value;
}

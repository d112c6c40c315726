// Sums over one slice of k, as they are: kernels/sum_slices.wgsl makes outputs of them.

@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn store(row: u32, x_row: u32, value: f32) {
    let at = output_at(row, x_row);
    if (at != NOWHERE) {
        y[(depth % SLICES) * params.outputs + at] = value;
    }
}

// Values in a buffer of their own.

@group(0) @binding(15) var<storage, read> values_in: array<f32>;

fn value_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return values_in[(of_row * KV_HEADS + head) * VALUE_D + i];
}

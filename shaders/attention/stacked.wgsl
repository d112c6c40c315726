// Inputs of which a row is queries, keys, values.

@group(0) @binding(2) var<storage, read> x: array<f32>;

const X_ROW: u32 = (Q_HEADS + KV_HEADS) * D + KV_HEADS * VALUE_D;

fn query_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return x[of_row * X_ROW + head * D + i];
}

fn key_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return x[of_row * X_ROW + (Q_HEADS + head) * D + i];
}

fn value_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return x[of_row * X_ROW + (Q_HEADS + KV_HEADS) * D + head * VALUE_D + i];
}

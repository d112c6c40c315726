// Queries and keys in buffers of their own.

@group(0) @binding(2) var<storage, read> queries_in: array<f32>;
@group(0) @binding(14) var<storage, read> keys_in: array<f32>;

fn query_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return queries_in[(of_row * Q_HEADS + head) * D + i];
}

fn key_of_x(of_row: u32, head: u32, i: u32) -> f32 {
    return keys_in[(of_row * KV_HEADS + head) * D + i];
}

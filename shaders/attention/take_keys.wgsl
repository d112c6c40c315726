// Takes in a query or a key: normalizes it and turns it by its position, then prepares it as `attend` reads it, or packs
// it at its place.
//
// Constants printed by the composer, next to those of rows.wgsl, of rotate.wgsl and of the type:
//   WIDTH  numbers of a prepared query

@group(0) @binding(0) var<storage, read_write> cache: array<u32>;
@group(0) @binding(3) var<storage, read_write> prepared: array<f32>;

fn take_query(of_row: u32, head: u32, lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        row[i] = query_of_x(of_row, head, i);
    }
    place_in_sequence(lane, place_of(of_row) % CAPACITY, 0u);
    rotate(lane);
    prepare((of_row * Q_HEADS + head) * WIDTH, lane);
}

fn take_key(of_row: u32, head: u32, lane: u32) {
    for (var i = lane; i < D; i += WORKGROUP) {
        row[i] = key_of_x(of_row, head, i);
    }
    place_in_sequence(lane, place_of(of_row) % CAPACITY, 1u);
    rotate(lane);
    encode(vector_of_cache(of_row, head) * ROW_WORDS, lane);
}

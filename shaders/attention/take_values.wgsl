// Takes in a value: packs it at its place. The names of its type begin with `value_` and `VALUE_`.

@group(0) @binding(7) var<storage, read_write> value_cache: array<u32>;

fn take_value(of_row: u32, head: u32, lane: u32) {
    for (var i = lane; i < VALUE_D; i += WORKGROUP) {
        value_row[i] = value_of_x(of_row, head, i);
    }
    value_rotate(lane);
    value_encode(vector_of_cache(of_row, head) * VALUE_ROW_WORDS, lane);
}

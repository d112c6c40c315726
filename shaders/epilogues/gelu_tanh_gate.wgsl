// Multiplies by GELU, by way of tanh, of the element at the same place of an operand of y's shape.

@group(0) @binding(9) var<storage, read> gate_words: array<u32>;

fn gelu_tanh_gate(value: f32, row: u32, at: u32) -> f32 {
    return value * gelu_tanh(element(gate_words[word_of(at)], at), row, at);
}

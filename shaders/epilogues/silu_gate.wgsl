// Multiplies by SiLU of the element at the same place of an operand of y's shape.

@group(0) @binding(9) var<storage, read> gate_words: array<u32>;

fn silu_gate(value: f32, row: u32, at: u32) -> f32 {
    let gate = element(gate_words[word_of(at)], at);
    return value * times_sigmoid(gate, gate);
}

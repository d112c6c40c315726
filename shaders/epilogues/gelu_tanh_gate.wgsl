// Multiplies by GELU, by way of tanh, of the element at the same place of an operand of y's shape. As in gelu_tanh.wgsl,
// past 20 the argument of tanh need not grow.

@group(0) @binding(9) var<storage, read> gate_words: array<u32>;

fn gelu_tanh_gate(value: f32, row: u32, at: u32) -> f32 {
    let gate = element(gate_words[word_of(at)], at);
    let v = clamp(gate, -20.0, 20.0);
    return value * times_sigmoid(gate, 1.5957691216 * (v + 0.044715 * v * v * v));
}

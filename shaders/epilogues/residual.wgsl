// Adds the element at the same place of an operand of y's shape.

@group(0) @binding(7) var<storage, read> residual_words: array<u32>;

fn residual(value: f32, row: u32, at: u32) -> f32 {
    return value + element(residual_words[word_of(at)], at);
}
